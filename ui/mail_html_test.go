package ui

import (
	"html"
	"regexp"
	"strings"
	"testing"
)

var (
	mailTags  = regexp.MustCompile(`(?s)<head>.*?</head>|<!DOCTYPE html>|<[^>]*>`)
	mailLinks = regexp.MustCompile(`<a href="([^"]*)"`)
	mailElse  = regexp.MustCompile(`(?i)<(script|img|link|iframe|object|form|style|video|svg)|\bsrc=|\bon\w+=|url\(`)
)

// said is a text with its white space made one.
func said(s string) string { return strings.Join(strings.Fields(s), " ") }

// The HTML of every mail says the words of its plain text, links to its link and
// to nothing else, and loads nothing.
func TestHTMLMails(t *testing.T) {
	r, err := New()
	if err != nil {
		t.Fatal(err)
	}
	const link = "https://packages.example.org/reset-password?link=dGhpcyBpcyBub3QgYSByZWFsIGxpbms"
	for kind := range mailTexts {
		args := Args{
			"username": "ada", "inviter": "<b>grace</b>", "key": `"><img src=x onerror=alert(1)>`, "link": link, "left": "3", "user": "bob", "email": "ada@engines.example", "by": "grace", "until": noon.Add(day),
			"label": "http://evil.example/ \r\n\r\nhttp://evil.example/", "scope": "Uploads to demo.", "url": "https://git.example.org/.env",
			"time": noon, "expires": noon.Add(day), "ip": "203.0.113.7", "browser": "Firefox on Linux",
			"project": "<i>demo</i>", "role": "owner", "was": "maintainer", "to": "ada@example.net", "created": noon,
		}
		subject, text, err := r.Mail("en", kind, args)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		page, err := r.MailHTML("en", kind, args)
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		words := said(html.UnescapeString(mailTags.ReplaceAllString(page, " ")))
		want := said(subject + "\n" + strings.Replace(text, "-- \n", "", 1))
		if words != want {
			t.Errorf("%s:\nsays %q\nwant %q", kind, words, want)
		}
		links := mailLinks.FindAllStringSubmatch(page, -1)
		if n := strings.Count(text, link); len(links) != n || n > 0 && html.UnescapeString(links[0][1]) != link {
			t.Errorf("%s: the links are %q", kind, links)
		}
		if bad := mailElse.FindString(strings.ReplaceAll(page, html.EscapeString(args["key"].(string)), "")); bad != "" {
			t.Errorf("%s: holds %q", kind, bad)
		}
		if !strings.Contains(page, "<title>"+html.EscapeString(subject)+"</title>") && !strings.Contains(subject, "<") && !strings.Contains(subject, `"`) {
			t.Errorf("%s: the title is another", kind)
		}
	}
	if _, err := r.MailHTML("en", "nothing", nil); err == nil {
		t.Error("an unknown kind is no error")
	}
}
