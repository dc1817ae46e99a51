package folder

import (
	"strconv"
	"strings"
)

// The media types of the index (PEP 691, "Content types").
const (
	typeJSON       = "application/vnd.pypi.simple.v1+json"
	typeHTML       = "application/vnd.pypi.simple.v1+html"
	typeLegacy     = "text/html"
	typeLatestJSON = "application/vnd.pypi.simple.latest+json"
	typeLatestHTML = "application/vnd.pypi.simple.latest+html"
)

// offers are the media types that the index can answer with, the preferred one
// first, each with the type that a client asks for.
var offers = []struct{ asked, answer string }{
	{typeLegacy, typeLegacy},
	{typeJSON, typeJSON},
	{typeHTML, typeHTML},
	{typeLatestJSON, typeJSON},
	{typeLatestHTML, typeHTML},
}

// maxRanges bounds how many media ranges of an Accept header are read.
const maxRanges = 32

// negotiate picks the media type of the answer by the Accept header fields of a
// request (RFC 9110 §12.5.1). It returns "" if none suits.
func negotiate(accept []string) string {
	all := strings.Join(accept, ",")
	if strings.TrimSpace(all) == "" {
		return typeLegacy
	}
	ranges := strings.Split(all, ",")
	if len(ranges) > maxRanges {
		ranges = ranges[:maxRanges]
	}
	best, answer := 0.0, ""
	for _, o := range offers {
		if q := quality(ranges, o.asked); q > best {
			best, answer = q, o.answer
		}
	}
	return answer
}

// quality is the weight that the most specific of the ranges gives to a media
// type, or 0 if none covers it.
func quality(ranges []string, kind string) float64 {
	group, _, _ := strings.Cut(kind, "/")
	specific, q := 0, 0.0
	for _, r := range ranges {
		name, params, _ := strings.Cut(r, ";")
		level := 0
		switch strings.ToLower(strings.TrimSpace(name)) {
		case kind:
			level = 3
		case group + "/*":
			level = 2
		case "*/*":
			level = 1
		}
		if level > specific {
			specific, q = level, weight(params)
		}
	}
	return q
}

// weight returns the q parameter, 1 if there is none and 0 if it can't be read.
func weight(params string) float64 {
	for p := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(p, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "q") {
			continue
		}
		q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil || !(q >= 0 && q <= 1) {
			return 0
		}
		return q
	}
	return 1
}

// acceptsGzip tells whether a client takes pages compressed with gzip, by the Accept-Encoding header fields of its request (RFC 9110
// §12.5.3).
func acceptsGzip(accept []string) bool {
	codings := strings.Split(strings.Join(accept, ","), ",")
	if len(codings) > maxRanges {
		codings = codings[:maxRanges]
	}
	specific, q := 0, 0.0
	for _, c := range codings {
		name, params, _ := strings.Cut(c, ";")
		level := 0
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "gzip", "x-gzip":
			level = 2
		case "*":
			level = 1
		}
		if level > specific {
			specific, q = level, weight(params)
		}
	}
	return q > 0
}
