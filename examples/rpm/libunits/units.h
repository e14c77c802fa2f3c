#ifndef UNITS_H
#define UNITS_H

double units_celsius_to_fahrenheit(double celsius);
double units_knots_to_metres_per_second(double knots);

#endif
