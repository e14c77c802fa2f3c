#ifndef PLOT_H
#define PLOT_H

#include <series.h>
#include <stdio.h>

void plot_bars(FILE *to, const double *values, size_t count);

#endif
