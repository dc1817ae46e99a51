package folder

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rind-dev/rind/internal/dist"
	"github.com/rind-dev/rind/verifier/gateway"
)

// attestationField is the field of the upload form with the attestations (PEP 740): a JSON array.
const attestationField = "attestations"

// maxAttestations is how many attestations a file may have. PyPI takes one of each predicate type.
const maxAttestations = 8

// predicates are the types of statements that PEP 740 knows.
var predicates = []string{"https://slsa.dev/provenance/v1", "https://docs.pypi.org/attestations/publish/v1"}

// ReadForm implements [gateway.FormReader]. The folder keeps the attestations of the form, and no other field.
func (f *Folder) ReadForm(context.Context) (gateway.Form, error) { return &uploadForm{}, nil }

// uploadForm has what a folder keeps of an upload form.
type uploadForm struct {
	attestations bytes.Buffer
	seen         bool
}

// Field implements [gateway.Form].
func (u *uploadForm) Field(name string) (io.Writer, error) {
	if name != attestationField {
		return io.Discard, nil
	}
	if u.seen {
		return nil, badAttestation("the form contains the field '" + attestationField + "' twice")
	}
	u.seen = true
	return &u.attestations, nil
}

// Discard implements [gateway.Form].
func (u *uploadForm) Discard() { u.attestations = bytes.Buffer{} }

func badAttestation(format string, args ...any) error {
	return &gateway.Refusal{Status: http.StatusBadRequest, Reason: "Invalid attestations supplied during upload: " + fmt.Sprintf(format, args...) + "."}
}

// The provenance object (PEP 740, "Provenance objects").
type (
	provenance struct {
		Version int                 `json:"version"`
		Bundles []attestationBundle `json:"attestation_bundles"`
	}
	attestationBundle struct {
		Publisher    publisher `json:"publisher"`
		Attestations []any     `json:"attestations"`
	}
	// publisher says how the file came here. The token that it came with is no identity that a reader could compare with
	// a certificate, so there are no claims about it.
	publisher struct {
		Kind   string   `json:"kind"`
		Claims struct{} `json:"claims"`
	}
)

// provenanceOf makes the provenance object of an upload, or returns nil if it came without attestations. The error is a
// [gateway.Refusal] if an attestation has not the form of PEP 740, or is one of another file.
func provenanceOf(up gateway.Upload) ([]byte, error) {
	form, ok := up.Form.(*uploadForm)
	if !ok || len(bytes.TrimSpace(form.attestations.Bytes())) == 0 {
		return nil, nil
	}
	// What is checked is what is served: it is written anew from what was read, so that a key that is there twice, or in other
	// letters, means the same to everybody.
	var all []any
	d := json.NewDecoder(&form.attestations)
	d.UseNumber()
	err := d.Decode(&all)
	if err != nil {
		return nil, badAttestation("they are no JSON array")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, badAttestation("something follows the JSON array")
	}
	if len(all) > maxAttestations {
		return nil, badAttestation("there are %d, and a file may have %d", len(all), maxAttestations)
	}
	var types []string
	for i, one := range all {
		kind, err := checkAttestation(one, up)
		if err != nil {
			return nil, badAttestation("attestation %d: %s", i+1, err)
		}
		if slices.Contains(types, kind) {
			return nil, badAttestation("attestation %d: there is another with the predicate type %s", i+1, kind)
		}
		types = append(types, kind)
	}
	if len(all) == 0 {
		return nil, nil
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	err = e.Encode(provenance{Version: 1, Bundles: []attestationBundle{{publisher{Kind: "upload-token"}, all}}})
	return out.Bytes(), err
}

// checkAttestation checks that an attestation has the form of PEP 740, is about the uploaded file, and was signed with the key of its own
// certificate. It does not decide whose certificate that is, which is for whoever relies on it: it knows no authority.
func checkAttestation(one any, up gateway.Upload) (predicate string, err error) {
	if v, _ := field(one, "version").(json.Number); v.String() != "1" {
		return "", errors.New("its version is not 1")
	}
	if entries, ok := field(one, "verification_material", "transparency_entries").([]any); !ok || slices.ContainsFunc(entries, isNoObject) {
		return "", errors.New("verification_material.transparency_entries is no array of objects")
	}
	der, err := decoded(one, "verification_material", "certificate")
	if err != nil {
		return "", err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return "", errors.New("verification_material.certificate is no X.509 certificate")
	}
	statement, err := decoded(one, "envelope", "statement")
	if err != nil {
		return "", err
	}
	signature, err := decoded(one, "envelope", "signature")
	if err != nil {
		return "", err
	}
	key, ok := certificate.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return "", errors.New("its certificate has no ECDSA key on the curve P-256")
	}
	const kind = "application/vnd.in-toto+json"
	sum := sha256.Sum256(fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(kind), kind, len(statement), statement))
	if !ecdsa.VerifyASN1(key, sum[:], signature) {
		return "", errors.New("its signature was not made over its statement with the key of its certificate")
	}
	return checkStatement(statement, up)
}

// checkStatement checks an in-toto statement, version 1, and returns its predicate type.
func checkStatement(raw []byte, up gateway.Upload) (string, error) {
	var s any
	if json.Unmarshal(raw, &s) != nil || field(s, "_type") != "https://in-toto.io/Statement/v1" {
		return "", errors.New("its statement is no in-toto statement of version 1")
	}
	subjects, _ := field(s, "subject").([]any)
	if len(subjects) != 1 {
		return "", errors.New("its statement has not exactly one subject")
	}
	name, _ := field(subjects[0], "name").(string)
	if name != up.Filename && (filepath.Ext(name) != filepath.Ext(up.Filename) || !dist.Equivalent(name, up.Filename, up.Project)) {
		return "", errors.New("its subject is a file of another name")
	}
	if digest, _ := field(subjects[0], "digest", "sha256").(string); !strings.EqualFold(digest, up.SHA256) {
		return "", errors.New("its subject has another SHA-256 than the file")
	}
	kind, _ := field(s, "predicateType").(string)
	if !slices.Contains(predicates, kind) {
		return "", errors.New("its predicate type is not one of " + strings.Join(predicates, ", "))
	}
	return kind, nil
}

// field is the value below keys of JSON objects, or nil.
func field(v any, keys ...string) any {
	for _, k := range keys {
		object, _ := v.(map[string]any)
		v = object[k]
	}
	return v
}

func isNoObject(v any) bool {
	_, ok := v.(map[string]any)
	return !ok
}

// decoded decodes a base64 value.
func decoded(v any, keys ...string) ([]byte, error) {
	text, _ := field(v, keys...).(string)
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) == 0 {
		return nil, errors.New(strings.Join(keys, ".") + " is no base64 text")
	}
	return raw, nil
}

// provenanceName is the name of the file with a stored file's provenance object.
func provenanceName(project, name string) string {
	return path.Join(project, provenanceDir, besideName(name, metaSuffix))
}

// provenanceNames are the base names in a project's provenanceDir.
func (f *Folder) provenanceNames(project string) (map[string]bool, error) {
	entries, err := f.entries(path.Join(project, provenanceDir))
	if isMissing(err) {
		return nil, nil
	}
	names := make(map[string]bool, len(entries))
	for _, e := range entries {
		names[e.Name()] = e.Type().IsRegular()
	}
	return names, err
}

// putProvenance writes the provenance object of a file that is about to get its name, durably, or removes what an
// upload left that did not come that far.
func (f *Folder) putProvenance(up gateway.Upload, object []byte) error {
	name := provenanceName(up.Project, up.Filename)
	if object == nil {
		_, err := f.root.Lstat(name)
		if isMissing(err) {
			return nil
		}
		return f.disk.remove(name)
	}
	if err := f.disk.mkdir(path.Join(up.Project, provenanceDir), dirMode); err != nil {
		return err
	}
	return f.replace(name, object, true)
}
