export LC_ALL=C.UTF-8
title='Gemüse für Köche'
{ echo "$title"; echo "$title" | sed 's/./=/g'; } >/out/out
