package mailtest

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/certificate/certtest"
)

// Message is one accepted mail.
type Message struct {
	From    string   // sender in the envelope
	To      []string // recipients in the envelope
	User    string   // user who had signed in; "" for nobody
	TLS     bool     // it came over TLS
	Header  mail.Header
	Subject string // decoded
	Text    string // decoded plain text, lines ending in \n
	HTML    string // decoded, lines ending in \n
	Raw     []byte
}

// Parse reads a mail in the format of an .eml file. It sets Header, Subject, Text, HTML
// and Raw.
func Parse(t testing.TB, raw []byte) Message {
	t.Helper()
	m, err := parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func parse(raw []byte) (Message, error) {
	m := Message{Raw: raw}
	parsed, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return m, err
	}
	m.Header = parsed.Header
	m.Subject, err = new(mime.WordDecoder).DecodeHeader(parsed.Header.Get("Subject"))
	if err != nil {
		return m, err
	}
	return m, m.addPart(parsed.Header.Get("Content-Type"), parsed.Header.Get("Content-Transfer-Encoding"), parsed.Body)
}

// addPart adds a body, or a part of one, to the message.
func (m *Message) addPart(contentType, encoding string, body io.Reader) error {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return err
	}
	if strings.HasPrefix(kind, "multipart/") {
		parts := multipart.NewReader(body, params["boundary"])
		for {
			part, err := parts.NextRawPart()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			if err := m.addPart(part.Header.Get("Content-Type"), part.Header.Get("Content-Transfer-Encoding"), part); err != nil {
				return err
			}
		}
	}
	switch encoding {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "", "7bit", "8bit":
	default:
		return fmt.Errorf("mailtest: transfer encoding %q", encoding)
	}
	b, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	text := strings.ReplaceAll(string(b), "\r\n", "\n")
	switch kind {
	case "text/plain":
		m.Text = text
	case "text/html":
		m.HTML = text
	default:
		return fmt.Errorf("mailtest: part of type %q", kind)
	}
	return nil
}

// certificate makes a self-signed certificate for host.
func certificate(t testing.TB, host string) (tls.Certificate, []byte) {
	t.Helper()
	hosts := []string{host}
	if net.ParseIP(host) != nil {
		hosts = append(hosts, "localhost")
	}
	cert, key, err := certtest.Make("mailtest", time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour), hosts...)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return pair, cert
}
