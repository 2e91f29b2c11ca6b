title='Gemüse für Köche'
{ echo "$title"; echo "$title" | sed 's/./=/g'; } >/out/out
