date +%Y-%m-%d >/out/dated
