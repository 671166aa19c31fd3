# Sourced by the rules: what there is to look at.
product_folders='kernel proto transport discovery probe beacon hostess
	controlsurface executor placement servers store library node'
# Folders that are still empty are not in a checkout.
product_folders=$(ls -d $product_folders 2>/dev/null)
test_folders=$(ls -d test bench 2>/dev/null)
product_files() {
	find $product_folders -name '*.[ch]' | sort
}
all_files() {
	find $product_folders $test_folders -name '*.[ch]' | sort
}
# FILE...: their lines as FILE:LINE:CODE, comments and the insides of strings
# blanked, so that a rule sees code only.
code_of() {
	awk '
	FNR == 1 { comment = 0 }
	# Most lines have nothing to blank.
	!comment && !/["\047]|\/[*\/]/ { print FILENAME ":" FNR ":" $0; next }
	{
		out = ""; n = length($0)
		for (i = 1; i <= n; i++) {
			c = substr($0, i, 1); two = substr($0, i, 2)
			if (comment) {
				if (two == "*/") { comment = 0; i++ }
				continue
			}
			if (two == "/*") { comment = 1; i++; continue }
			if (two == "//") break
			if (c == "\"" || c == "\047") {
				quote = c; out = out c
				for (i++; i <= n; i++) {
					c = substr($0, i, 1)
					if (c == "\\") { i++; continue }
					if (c == quote) break
				}
				out = out quote
				continue
			}
			out = out c
		}
		print FILENAME ":" FNR ":" out
	}' "$@"
}
