/* What lets the binary start, or say why not, on systems older than those it is built on.

   Four functions of libm got new versions in glibc 2.29, which differ only in errno of wrong arguments. scripts/publish links with
   --wrap, so that every call goes to the old ones and the binary starts on glibc 2.28 (RHEL 8, openEuler 20.03, Debian 10) too. */
#define _GNU_SOURCE
#include <errno.h>
#include <gnu/libc-version.h>
#include <string.h>
#include <unistd.h>

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

/* Docker before 20.10.10 answers clone3 with EPERM, and glibc from 2.34 on then makes no thread: the runtime would end without a word. */
__attribute__((constructor)) static void name_forbidden_threads(void)
{
    static const char words[] =
        "No thread can be started: the container engine forbids the system call clone3 with EPERM. Update it (Docker 20.10.10 or newer, with "
        "libseccomp 2.5), or start this container with --security-opt seccomp=unconfined.\n";
    const long clone3 = 435; /* on every processor; without arguments it does nothing */

    if (syscall(clone3, (void *)0, 0UL) == -1 && errno == EPERM && strverscmp(gnu_get_libc_version(), "2.34") >= 0) {
        ssize_t written = write(2, words, sizeof words - 1);
        _exit(written < 0 ? 74 : 78);
    }
}
