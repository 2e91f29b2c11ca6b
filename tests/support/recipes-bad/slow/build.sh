echo begin
sleep 13.125
echo the same each time >/out/slow
