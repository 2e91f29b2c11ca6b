#define VERSION "1.0 of " __DATE__ " " __TIME__
