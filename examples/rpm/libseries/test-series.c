#include <stdio.h>
#include "series.h"

int main(void) {
  const double celsius[] = {-10, 0, 10, 40};
  if (series_mean(celsius, 4) != 10) return 1;
  if (series_mean_fahrenheit(celsius, 4) != 50) return 2;
  puts("2 means are right");
  return 0;
}
