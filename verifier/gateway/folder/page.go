package folder

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"html/template"
	"net/url"
)

// apiVersion is the version of the index API that is served: 1.1 is PEP 700.
const apiVersion = "1.1"

// page is a list of the index in the two forms of PEP 691.
type page struct {
	title string
	links []link
	data  any // of the JSON form
}

// pageKey is one form of the page of a snapshot.
type pageKey struct {
	json     bool
	packages string // as projectPage has it
}

// rendered is a page as it is sent.
type rendered struct {
	body []byte
	etag string
}

// render returns a page of a snapshot, and makes it with fill if it was not made
// before. grown is the number of bytes that it made.
func (s *snapshot) render(key pageKey, fill func() page) (r rendered, grown int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
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

// link is one line of the HTML form.
type link struct {
	Text, URL      string
	RequiresPython string
}

// The JSON form (PEP 691 and PEP 700).
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

// projectPage lists the files of a project; packages is the relative path from the
// page to the folder with the files of all projects.
func projectPage(project, packages string, files []File) page {
	data := jsonProject{Meta: jsonMeta{apiVersion}, Name: project, Versions: []string{}}
	p := page{title: "Files of " + project}
	seen := map[string]bool{}
	for _, f := range files {
		place := packages + project + "/" + url.PathEscape(f.Name)
		p.links = append(p.links, link{Text: f.Name, URL: place + "#sha256=" + f.SHA256, RequiresPython: f.RequiresPython})
		data.Files = append(data.Files, jsonFile{
			Filename: f.Name, URL: place, Hashes: map[string]string{"sha256": f.SHA256},
			RequiresPython: f.RequiresPython, Size: f.Size,
			UploadTime: f.Uploaded.UTC().Format("2006-01-02T15:04:05.000000Z"),
		})
		if !seen[f.Version] {
			seen[f.Version] = true
			data.Versions = append(data.Versions, f.Version)
		}
	}
	p.data = data
	return p
}

func (p page) json() ([]byte, error) { return json.Marshal(p.data) }

var htmlPage = template.Must(template.New("list").Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="pypi:repository-version" content="{{.Version}}">
<title>{{.Title}}</title>
</head>
<body>
<h1>{{.Title}}</h1>
{{range .Links}}<a href="{{.URL}}"{{with .RequiresPython}} data-requires-python="{{.}}"{{end}}>{{.Text}}</a><br>
{{end}}</body>
</html>
`))

func (p page) html() ([]byte, error) {
	var out bytes.Buffer
	err := htmlPage.Execute(&out, struct {
		Version, Title string
		Links          []link
	}{apiVersion, p.title, p.links})
	return out.Bytes(), err
}
