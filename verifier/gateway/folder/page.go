package folder

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"html/template"
	"net/url"
	"strings"
)

// apiVersion is the version of the index API that is served: 1.4 is PEP 792.
const apiVersion = "1.4"

// page is a list of the index in the two forms of PEP 691.
type page struct {
	title  string
	status Status
	links  []link
	data   any // of the JSON form
}

// pageKey is one form of the page of a snapshot.
type pageKey struct {
	json     bool
	packages string // as projectPage has it
	status   Status // of the project
	gzip     bool
}

// rendered is a page as it is sent.
type rendered struct {
	body []byte
	etag string
	gzip bool // body is compressed
}

// minGzip is the length from which a page is compressed, in bytes: a shorter one fits in a packet or two as it is.
const minGzip = 4 << 10

// render returns a page of a snapshot, and makes it with fill if it was not made
// before. grown is the number of bytes that it made.
func (s *snapshot) render(key pageKey, fill func() page) (r rendered, grown int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	plain := key
	plain.gzip = false
	r, grown, err = s.renderPlain(plain, fill)
	if err != nil || !key.gzip || len(r.body) < minGzip {
		return r, grown, err
	}
	if z, ok := s.pages[key]; ok {
		return z, grown, nil
	}
	z := rendered{body: compressed(r.body), etag: strings.TrimSuffix(r.etag, `"`) + `-gzip"`, gzip: true}
	s.pages[key] = z
	return z, grown + len(z.body), nil
}

// renderPlain makes the page that is not compressed. mu is held.
func (s *snapshot) renderPlain(key pageKey, fill func() page) (r rendered, grown int, err error) {
	if r, ok := s.pages[key]; ok {
		return r, 0, nil
	}
	if key.json {
		r.body, err = fill().json()
	} else {
		r.body, err = fill().html()
	}
	if err != nil {
		return rendered{}, 0, err
	}
	sum := sha256.Sum256(r.body)
	r.etag = `"` + hex.EncodeToString(sum[:16]) + `"`
	s.pages[key] = r
	return r, len(r.body), nil
}

// compressed returns a text in the format gzip. A page of thousands of files becomes a tenth as long.
func compressed(text []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(text) // a bytes.Buffer takes everything
	_ = z.Close()
	return out.Bytes()
}

// link is one line of the HTML form.
type link struct {
	Text, URL      string
	RequiresPython string
	MetadataSHA256 string
	Yanked         *Yank
	Provenance     string // URL
}

// The JSON form (PEP 691, with PEP 592, 658, 700, 714, 740 and 792).
type (
	jsonMeta struct {
		APIVersion string `json:"api-version"`
	}
	jsonRoot struct {
		Meta     jsonMeta   `json:"meta"`
		Projects []jsonName `json:"projects"`
	}
	jsonName struct {
		Name string `json:"name"`
	}
	jsonProject struct {
		Meta     jsonMeta   `json:"meta"`
		Name     string     `json:"name"`
		Status   Status     `json:"project-status"`
		Versions []string   `json:"versions"`
		Files    []jsonFile `json:"files"`
	}
	jsonFile struct {
		Filename       string            `json:"filename"`
		URL            string            `json:"url"`
		Hashes         map[string]string `json:"hashes"`
		RequiresPython string            `json:"requires-python,omitempty"`
		Size           int64             `json:"size"`
		UploadTime     string            `json:"upload-time"`
		Yanked         any               `json:"yanked"` // false, true, or the reason
		Provenance     string            `json:"provenance,omitempty"`

		// Not under the older name "dist-info-metadata" too: pip 22.3 to 23.0, which Debian 12 has, ends with a
		// TypeError where that is in JSON (PEP 714). On HTML pages it is harmless.
		CoreMetadata any `json:"core-metadata,omitempty"`
	}
)

// rootPage lists the projects, by normalized name.
func rootPage(names []string) page {
	root := jsonRoot{Meta: jsonMeta{apiVersion}, Projects: make([]jsonName, 0, len(names))}
	p := page{title: "Projects"}
	for _, n := range names {
		root.Projects = append(root.Projects, jsonName{n})
		p.links = append(p.links, link{Text: n, URL: n + "/"})
	}
	p.data = root
	return p
}

// projectPage lists the files of a project; packages is the relative path from the page to the folder with the files
// of all projects, and absolute its address, for links that may not be relative; "" omits those.
func projectPage(project, packages, absolute string, status Status, files []File) page {
	data := jsonProject{Meta: jsonMeta{apiVersion}, Name: project, Status: status, Versions: []string{}, Files: []jsonFile{}}
	p := page{title: "Files of " + project, status: status}
	seen := map[string]bool{}
	for _, f := range files {
		name := project + "/" + url.PathEscape(f.Name)
		place := packages + name
		one := link{Text: f.Name, URL: place + "#sha256=" + f.SHA256, RequiresPython: f.RequiresPython, MetadataSHA256: f.MetadataSHA256, Yanked: f.Yanked}
		if f.Attested && absolute != "" {
			one.Provenance = absolute + name + provenanceSuffix
		}
		p.links = append(p.links, one)
		data.Files = append(data.Files, one.json(place, f))
		if !seen[f.Version] {
			seen[f.Version] = true
			data.Versions = append(data.Versions, f.Version)
		}
	}
	p.data = data
	return p
}

// json is the link in the JSON form.
func (l link) json(place string, f File) jsonFile {
	out := jsonFile{
		Filename: f.Name, URL: place, Hashes: map[string]string{"sha256": f.SHA256},
		RequiresPython: f.RequiresPython, Size: f.Size, Yanked: false, Provenance: l.Provenance,
		UploadTime: f.Uploaded.UTC().Format("2006-01-02T15:04:05.000000Z"),
	}
	if f.MetadataSHA256 != "" {
		out.CoreMetadata = map[string]string{"sha256": f.MetadataSHA256}
	}
	if f.Yanked != nil {
		out.Yanked = true
		if f.Yanked.Reason != "" {
			out.Yanked = f.Yanked.Reason
		}
	}
	return out
}

func (p page) json() ([]byte, error) { return json.Marshal(p.data) }

var htmlPage = template.Must(template.New("list").Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="pypi:repository-version" content="{{.Version}}">
{{- with .Status.Marker}}
<meta name="pypi:project-status" content="{{.}}">
{{- end}}
{{- with .Status.Reason}}
<meta name="pypi:project-status-reason" content="{{.}}">
{{- end}}
<title>{{.Title}}</title>
</head>
<body>
<h1>{{.Title}}</h1>
{{range .Links}}<a href="{{.URL}}"{{with .RequiresPython}} data-requires-python="{{.}}"{{end}}
{{- with .MetadataSHA256}} data-core-metadata="sha256={{.}}" data-dist-info-metadata="sha256={{.}}"{{end}}
{{- with .Yanked}} data-yanked="{{.Reason}}"{{end}}
{{- with .Provenance}} data-provenance="{{.}}"{{end}}>{{.Text}}</a><br>
{{end}}</body>
</html>
`))

func (p page) html() ([]byte, error) {
	var out bytes.Buffer
	err := htmlPage.Execute(&out, struct {
		Version, Title string
		Status         Status
		Links          []link
	}{apiVersion, p.title, p.status, p.links})
	return out.Bytes(), err
}
