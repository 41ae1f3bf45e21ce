# Makes C string literals of a text, one per line (meson turns backslashes in arguments
# into slashes, hence a file).
s/[\\"]/\\&/g
s/.*/    "&\\n"/
