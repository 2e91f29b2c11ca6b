echo begin
sleep 4.125
echo the same each time >/out/slow
