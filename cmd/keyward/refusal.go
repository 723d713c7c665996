package main

import (
	"fmt"
	"regexp"
	"strings"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/output"
)

// printRefusal tells a refusal, its fields and what uses the object, and what a person at a command line can do about it.
func (s *session) printRefusal(e *keyward.Error) {
	message, fields := e.Message, e.Fields
	if len(fields) == 1 && strings.HasSuffix(strings.ToLower(message), strings.ToLower(fields[0].Message)) {
		message, fields = fields[0].Path+": "+fields[0].Message, nil // one line says it, with its place
	}
	if advice := advice(e, s.cli.Tenant); advice != "" {
		message = strings.TrimSuffix(message, ".") + ": " + advice
	}
	_, _ = fmt.Fprintf(s.err, "keyward: %s: %s\n", e.Code, output.Plain(message))
	for _, f := range fields {
		_, _ = fmt.Fprintf(s.err, "  %s: %s\n", f.Path, output.Plain(f.Message))
	}
	for _, u := range e.Users {
		_, _ = fmt.Fprintf(s.err, "  used by %s\n", u)
	}
}

// advice adds to the server's words what only whoever typed the command can do; "" where the words say it.
func advice(e *keyward.Error, tenant string) string {
	switch e.Code {
	case keyward.CodeUnauthenticated:
		return "KEYWARD_TOKEN must be one that keyward token create printed for this server, and that nobody has revoked; where it is " +
			"not set, admin.token in the data folder is sent"
	case keyward.CodeForbidden:
		if strings.HasPrefix(strings.ToLower(e.Message), "user ") {
			return "administrators of that tenant or of tenant default may, or give the user a role that may"
		}
	case keyward.CodeNoSuchAPI:
		return "this is a gateway's answer: KEYWARD_SERVER must be the control plane"
	case keyward.CodeNotFound:
		if command := lister(e.Message, tenant); command != "" {
			return command + " lists what there is"
		}
	}
	return ""
}

// lister is the command that lists what somebody looked for and did not find; "" where none does.
func lister(message, tenant string) string {
	command := ""
	missing := regexp.MustCompile(`(?i)^there is no (\w+) (?:of that name|(?:([\w-]+)/)?[\w.-]+)$`).FindStringSubmatch(message)
	if missing != nil {
		kind, ok := keyward.ParseKind(missing[1])
		switch {
		case !ok:
			return ""
		case kind == keyward.KindTenant: // of the installation, whatever tenant somebody works in
			return "keyward get tenants"
		case missing[2] != "":
			tenant = missing[2]
		}
		command = "keyward get " + kind.Plural()
	}
	for _, of := range [][2]string{
		{`(?i)^there is no API token `, "keyward token list"},
		{`(?i)^there is no gateway like that`, "keyward gateway list"},
		{`(?i)^there is no user \S+ in tenant `, "keyward get users"},
		{`(?i)^application (\S+) has no client in `, "keyward keys list --application $1"},
		{`(?i)^nothing failed for application (\S+) `, "keyward keys list --application $1"},
		{`(?i)^nothing awaits an approval `, "keyward keys requests"},
	} {
		pattern := regexp.MustCompile(of[0])
		if at := pattern.FindStringSubmatchIndex(message); at != nil {
			command = string(pattern.ExpandString(nil, of[1], message, at))
		}
	}
	if command != "" && tenant != "" && tenant != keyward.DefaultTenant {
		command += " --tenant " + tenant
	}
	return command
}
