# OpenSSH's sshd, static, with Debian's patches; and the image's configure
# program.
recipe=storage
. /kiln/uses/guest-init/recipe.sh

# Not built: PAM, SELinux, Kerberos, security keys, tokens, records of logins.
# Debian's patches change configure.ac, from which nothing is made anew here:
# what they add to it stays off.
unpack openssh
cd openssh
touch config.h.in configure
CFLAGS="$flags" LDFLAGS="$link" ./configure --quiet --without-pam \
    --without-selinux --without-kerberos5 --without-libedit --without-pie \
    --disable-security-key --disable-pkcs11 --without-openssl-header-check \
    --disable-lastlog --disable-utmp --disable-utmpx --disable-wtmp \
    --disable-wtmpx --disable-libutil --sysconfdir=/run/storage \
    --with-privsep-path=/run/empty
make -s -j "$KILN_JOBS" sshd
cd ..
install -m 0755 openssh/sshd /out/sshd
program configure configure_main.c sftp_conf.c
