#include <stdio.h>
#include <stdlib.h>
#include <units.h>

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) printf("%.1f\n", units_celsius_to_fahrenheit(atof(argv[i])));
  return 0;
}
