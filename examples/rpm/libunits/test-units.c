#include <stdio.h>
#include "units.h"

int main(void) {
  if (units_celsius_to_fahrenheit(100) != 212) return 1;
  if (units_knots_to_metres_per_second(3600) != 1852) return 2;
  puts("2 conversions are right");
  return 0;
}
