# plot.awk: build/bench.jsonl -> an SVG: messages a second against size, ours
# and raw, both axes logarithmic.
function field(name, text)
{
	if (!match($0, "\"" name "\":[^,}]*"))
		return ""
	text = substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 3)
	return text
}
function log10(value) { return log(value) / log(10) }
function across(size) { return 70 + (log10(size) - 1) / 6.5 * 520 }
function down(rate) { return 370 - (log10(rate) - 1.5) / 6.5 * 330 }
function human(size)
{
	if (size >= 1048576) return size / 1048576 " MiB"
	if (size >= 1024) return size / 1024 " KiB"
	return size " B"
}
function line(rates, colour, name,   i, points)
{
	points = ""
	for (i = 1; i <= count; i++)
		points = points sprintf("%.1f,%.1f ", across(sizes[i]),
			down(rates[i]))
	printf "<polyline points=\"%s\" fill=\"none\" stroke=\"%s\" " \
		"stroke-width=\"2\"/>\n", points, colour
	for (i = 1; i <= count; i++)
		printf "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n",
			across(sizes[i]), down(rates[i]), colour
	printf "<text x=\"470\" y=\"%d\" fill=\"%s\">%s</text>\n",
		60 + 20 * names++, colour, name
}
/"scale: messages of [0-9]+ B/ && !/skipped/ {
	match($0, /of [0-9]+ B/)
	sizes[++count] = substr($0, RSTART + 3, RLENGTH - 5) + 0
	ours[count] = field("ours") + 0
	raw[count] = field("peer") + 0
}
END {
	if (!count) {
		print "plot.awk: no rows of scale: make bench first" >"/dev/stderr"
		exit 1
	}
	print "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"640\" " \
		"height=\"420\" font-family=\"sans-serif\" font-size=\"12\">"
	print "<rect width=\"640\" height=\"420\" fill=\"white\"/>"
	print "<text x=\"70\" y=\"24\" font-size=\"15\">Messages a second on " \
		"one TCP pipe, by their size</text>"
	for (i = 2; i <= 7; i++)
		printf "<line x1=\"70\" x2=\"600\" y1=\"%.1f\" y2=\"%.1f\" " \
			"stroke=\"#ddd\"/><text x=\"62\" y=\"%.1f\" " \
			"text-anchor=\"end\">10^%d</text>\n",
			down(10 ^ i), down(10 ^ i), down(10 ^ i) + 4, i
	for (i = 1; i <= count; i += 2)
		printf "<text x=\"%.1f\" y=\"392\" text-anchor=\"middle\">%s" \
			"</text>\n", across(sizes[i]), human(sizes[i])
	line(raw, "#888888", "bare socket")
	line(ours, "#c03030", "posthouse")
	print "</svg>"
}
