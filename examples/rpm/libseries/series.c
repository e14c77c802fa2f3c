#include "series.h"

double series_mean(const double *values, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += values[i];
  return count == 0 ? 0 : sum / (double)count;
}

double series_mean_fahrenheit(const double *celsius, size_t count) {
  return units_celsius_to_fahrenheit(series_mean(celsius, count));
}
