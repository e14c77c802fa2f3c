#include "units.h"

double units_celsius_to_fahrenheit(double celsius) { return celsius * 9 / 5 + 32; }

double units_knots_to_metres_per_second(double knots) { return knots * 1852 / 3600; }
