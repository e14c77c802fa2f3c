#include <stdio.h>
#include <string.h>

/* Copies its input and writes its argument in place of @version@. */
int main(int argc, char **argv) {
  const char *mark = "@version@";
  char line[4096];
  if (argc != 2) return 2;
  while (fgets(line, sizeof line, stdin)) {
    char *rest = line;
    for (char *at = strstr(rest, mark); at; at = strstr(rest, mark)) {
      printf("%.*s%s", (int)(at - rest), rest, argv[1]);
      rest = at + strlen(mark);
    }
    fputs(rest, stdout);
  }
  return 0;
}
