# plot.awk: build/bench.jsonl -> an SVG, both axes logarithmic, ours and raw.
#   awk -v what=size|connections|fanout -f bench/plot.awk build/bench.jsonl
function field(name, text)
{
	if (!match($0, "\"" name "\":[^,}]*"))
		return ""
	text = substr($0, RSTART + length(name) + 3, RLENGTH - length(name) - 3)
	return text
}
function log10(value) { return log(value) / log(10) }
function across(at)
{
	return 70 + (log10(at) - log10(first)) / (log10(last) - log10(first)) \
		* 520
}
function down(rate) { return 370 - (log10(rate) - low) / (high - low) * 330 }
function human(at)
{
	if (what != "size") return at
	if (at >= 1048576) return at / 1048576 " MiB"
	if (at >= 1024) return at / 1024 " KiB"
	return at " B"
}
function line(rates, colour, name,   i, points)
{
	points = ""
	for (i = 1; i <= count; i++)
		points = points sprintf("%.1f,%.1f ", across(places[i]),
			down(rates[i]))
	printf "<polyline points=\"%s\" fill=\"none\" stroke=\"%s\" " \
		"stroke-width=\"2\"/>\n", points, colour
	for (i = 1; i <= count; i++)
		printf "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n",
			across(places[i]), down(rates[i]), colour
	printf "<text x=\"470\" y=\"%d\" fill=\"%s\">%s</text>\n",
		60 + 20 * names++, colour, name
}
BEGIN {
	row["size"] = "scale: messages of [0-9]+"
	row["connections"] = "scale: connections [0-9]+"
	row["fanout"] = "scale: fan-out [0-9]+"
	title["size"] = "Messages a second on one TCP pipe, by their size"
	title["connections"] = "1 KiB messages a second over many TCP " \
		"connections, by their number"
	title["fanout"] = "1 KiB messages a second, one source to many " \
		"over TCP, by how many"
	low = what == "size" ? 1.5 : 4
	high = what == "size" ? 8 : 7
}
match($0, row[what]) && !/skipped/ {
	place = substr($0, RSTART, RLENGTH)
	sub(/.* /, "", place)
	places[++count] = place + 0
	ours[count] = field("ours") + 0
	raw[count] = field("peer") + 0
}
END {
	if (count < 2) {
		print "plot.awk: no rows of scale: make bench first" >"/dev/stderr"
		exit 1
	}
	first = places[1]
	last = places[count]
	print "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"640\" " \
		"height=\"420\" font-family=\"sans-serif\" font-size=\"12\">"
	print "<rect width=\"640\" height=\"420\" fill=\"white\"/>"
	print "<text x=\"70\" y=\"24\" font-size=\"15\">" title[what] "</text>"
	for (i = int(low + 0.99); i < high; i++)
		printf "<line x1=\"70\" x2=\"600\" y1=\"%.1f\" y2=\"%.1f\" " \
			"stroke=\"#ddd\"/><text x=\"62\" y=\"%.1f\" " \
			"text-anchor=\"end\">10^%d</text>\n",
			down(10 ^ i), down(10 ^ i), down(10 ^ i) + 4, i
	for (i = 1; i <= count; i += count > 8 ? 2 : 1)
		printf "<text x=\"%.1f\" y=\"392\" text-anchor=\"middle\">%s" \
			"</text>\n", across(places[i]), human(places[i])
	line(raw, "#888888", "bare sockets")
	line(ours, "#c03030", "posthouse")
	print "</svg>"
}
