cat /kiln/recipe/*.sh /bin/tar | xz -T1 >/out/out
