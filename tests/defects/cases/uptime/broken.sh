read -r up _ </proc/uptime
echo "configured after $up" >/out/out
