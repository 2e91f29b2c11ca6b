echo begin
sleep 6.125
echo the same each time >/out/slow
