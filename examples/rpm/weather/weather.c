#include <plot.h>
#include <stdlib.h>

#ifndef STATION_NAME
#define STATION_NAME "unnamed station"
#endif

int main(int argc, char **argv) {
  const size_t count = (size_t)(argc - 1);
  double *celsius = malloc((count + 1) * sizeof *celsius);
  if (!celsius) return 1;
  for (size_t i = 0; i < count; i++) celsius[i] = atof(argv[i + 1]);
  printf("%s\n", STATION_NAME);
  plot_bars(stdout, celsius, count);
  printf("mean %.1f °F\n", series_mean_fahrenheit(celsius, count));
  free(celsius);
  return 0;
}
