#include "plot.h"

void plot_bars(FILE *to, const double *values, size_t count) {
  const double mean = series_mean(values, count);
  for (size_t i = 0; i < count; i++) {
    fprintf(to, "%6.1f %c ", values[i], values[i] < mean ? '-' : '+');
    for (double left = values[i]; left >= 1; left -= 1) fputc('#', to);
    fputc('\n', to);
  }
}
