/* Four functions of libm got new versions in glibc 2.29, which differ only in errno of wrong arguments. scripts/publish links with
   --wrap, so that every call goes to the old ones and the binary starts on glibc 2.28 (RHEL 8, openEuler 20.03, Debian 10) too. */
#if defined(__x86_64__)
#define OLD "GLIBC_2.2.5"
#elif defined(__aarch64__)
#define OLD "GLIBC_2.17"
#endif

#define OLD_VERSION(name) __asm__(".symver old_" #name ", " #name "@" OLD)
OLD_VERSION(exp);
OLD_VERSION(log);
OLD_VERSION(log2);
OLD_VERSION(pow);

double old_exp(double x);
double old_log(double x);
double old_log2(double x);
double old_pow(double x, double y);

double __wrap_exp(double x) { return old_exp(x); }
double __wrap_log(double x) { return old_log(x); }
double __wrap_log2(double x) { return old_log2(x); }
double __wrap_pow(double x, double y) { return old_pow(x, y); }
