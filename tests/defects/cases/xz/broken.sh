cat /kiln/recipe/*.sh /bin/tar | xz -T"$(nproc)" >/out/out
