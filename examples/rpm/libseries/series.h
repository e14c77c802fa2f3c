#ifndef SERIES_H
#define SERIES_H

#include <stddef.h>
#include <units.h>

double series_mean(const double *values, size_t count);
double series_mean_fahrenheit(const double *celsius, size_t count);

#endif
