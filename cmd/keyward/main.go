// Command keyward is the whole product: the server in its three roles, and the commands that talk to it. It owns
// arguments, exit codes and what is printed, and no behaviour beyond that, which is the rooms' under internal.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"keyward.dev/keyward"
	"keyward.dev/keyward/internal/config"
	"keyward.dev/keyward/internal/output"
	"keyward.dev/keyward/internal/remote"
)

// Exit codes of every command.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2
	exitRefused = 3
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// cli is the command line. The settings are flags of every command; one that a command does not use is ignored.
type cli struct {
	Config string `help:"settings file (YAML)" placeholder:"FILE" env:"KEYWARD_CONFIG"`
	Tenant string `help:"the tenant to work in" default:"default" placeholder:"T"`
	config.Values

	Serve         serveCmd         `cmd:"" help:"Run the control plane, a gateway, or both in one process."`
	Demo          demoCmd          `cmd:"" help:"Run everything in a temporary folder, and print calls to try."`
	Apply         applyCmd         `cmd:"" help:"Make the control plane match manifests: all of them, or none."`
	Diff          diffCmd          `cmd:"" help:"Show what apply would change."`
	Export        exportCmd        `cmd:"" help:"Print everything as manifests that apply accepts."`
	Get           getCmd           `cmd:"" help:"Show one object, or all of a kind."`
	Delete        deleteCmd        `cmd:"" help:"Delete an object that nothing uses."`
	Hold          holdCmd          `cmd:"" help:"Switch an object off on every gateway, whatever a manifest says."`
	Unhold        unholdCmd        `cmd:"" help:"Lift a hold."`
	Keys          keysCmd          `cmd:"" help:"Manage the OAuth clients of applications."`
	Subscriptions subscriptionsCmd `cmd:"" help:"Approve or reject subscriptions."`
	Decisions     decisionsCmd     `cmd:"" help:"Show the gateways' recent decisions."`
	Explain       explainCmd       `cmd:"" help:"Show step by step how a gateway decides on a request."`
	API           apiCmd           `cmd:"" name:"api" help:"Show what depends on APIs, and choose the default version."`
	Keymanager    keymanagerCmd    `cmd:"" help:"Set up, check and watch key managers."`
	Gateway       gatewayCmd       `cmd:"" help:"Manage gateways: their credentials, and the changes that they have."`
	Tokens        tokenCmd         `cmd:"" name:"token" help:"Manage API tokens of the management plane."`
	Version       versionCmd       `cmd:"" help:"Print the version, the commit and the Go version."`
	User          userCmd          `cmd:"" help:"Manage users' passwords and sessions."`
}

// session is what a command runs with.
type session struct {
	ctx      context.Context //nolint:containedctx // lives exactly as long as one command
	cli      *cli
	environ  []string
	stdin    io.Reader
	out, err io.Writer
}

// client finds the server and the API token: KEYWARD_TOKEN, and only where it is not set the file that the server
// wrote into its data folder.
func (s *session) client() (*remote.Client, error) {
	v, _, err := config.Load(s.cli.Config, s.environ, s.cli.Values)
	if err != nil {
		return nil, err
	}
	server, token := strings.TrimRight(v.Server, "/"), v.Token
	if server == "" {
		server = defaultServer(v.Values)
	}
	if u, err := url.Parse(server); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, usageError{fmt.Errorf("KEYWARD_SERVER %q must begin with http:// or https://", server)}
	}
	if token == "" {
		data := v.Data
		if data == "" {
			data = "./keyward-data"
		}
		file := filepath.Join(data, "admin.token")
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("no API token: set KEYWARD_TOKEN, or run where %s can be read (%w)", file, err)
		}
		token = strings.TrimSpace(string(text))
	}
	return remote.New(remote.Options{Server: server, Token: token, Tenant: s.cli.Tenant, Authority: v.ControlCA})
}

// defaultServer is where serve listens by the same settings.
func defaultServer(v config.Values) string {
	scheme, address := "http", v.ControlAddress
	if v.ControlTLSCert != "" {
		scheme = "https"
	}
	if address == "" {
		address = "127.0.0.1:8480"
	}
	return scheme + "://" + address
}

// usageError is a wrong command line that only the command itself can see.
type usageError struct{ error }

func run(ctx context.Context, args, environ []string, stdin io.Reader, stdout, stderr io.Writer) (code int) {
	var c cli
	exited := -1
	parser, err := kong.New(&c, kong.Name("keyward"), kong.UsageOnError(), kong.Writers(stdout, stderr),
		kong.Description("An API gateway and control plane for companies with more than one authorization server."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.Exit(func(code int) { exited = code; panic(exitPanic{}) }))
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "keyward:", err)
		return exitFailed
	}
	defer func() { // kong leaves through Exit after --help
		if p := recover(); p != nil {
			if _, ok := p.(exitPanic); !ok {
				panic(p)
			}
			code = exited
		}
	}()
	if len(args) == 0 {
		args = []string{"--help"}
	}
	kctx, err := parser.Parse(spelledOut(args))
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "keyward:", misspelt(err))
		return exitUsage
	}
	s := &session{ctx: ctx, cli: &c, environ: environ, stdin: stdin, out: stdout, err: stderr}
	return s.report(kctx.Run(s))
}

// spelledOut lets --insecure stand alone, as people write what is either on or off.
func spelledOut(args []string) []string {
	out := slices.Clone(args)
	for i, a := range out {
		if a == "--insecure" && (i+1 == len(out) || !isTruth(out[i+1])) {
			out[i] = "--insecure=true"
		}
	}
	return out
}

func isTruth(text string) bool {
	_, err := strconv.ParseBool(text)
	return err == nil
}

// misspelt says what is wrong with a command line, and where people read what would be right.
func misspelt(err error) string {
	var parse *kong.ParseError
	if !errors.As(err, &parse) || parse.Context == nil || parse.Context.Selected() == nil {
		return err.Error() + " (keyward --help lists the commands)"
	}
	node, text := parse.Context.Selected(), regexp.MustCompile(`expected .* got "EOL" .*`).ReplaceAllString(err.Error(), "needs a value")
	text = regexp.MustCompile(`expected duration but got ("[^"]*"): .*`).ReplaceAllString(text, "$1 is not a duration, such as 24h or 90m")
	if len(node.Children) > 0 && strings.HasPrefix(text, "expected one of") { // kong leaves some of them out
		names := make([]string, len(node.Children))
		for i, child := range node.Children {
			names[i] = child.Name
		}
		text = fmt.Sprintf("%s needs one of its commands: %s", node.Name, strings.Join(names, ", "))
	}
	return fmt.Sprintf("%s (keyward %s --help says more)", text, node.Path())
}

// exitPanic carries kong's wish to exit up to run.
type exitPanic struct{}

// report prints a failure and gives its exit code.
func (s *session) report(err error) int {
	var usage usageError
	var refused *keyward.Error
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &usage):
		_, _ = fmt.Fprintln(s.err, "keyward:", err)
		return exitUsage
	case errors.As(err, &refused):
		s.printRefusal(refused)
		switch refused.Code {
		case keyward.CodeInternal, keyward.CodeDatabaseUnavailable: // it refused nothing: it could not do it
			return exitFailed
		default:
			return exitRefused
		}
	default:
		_, _ = fmt.Fprintln(s.err, "keyward:", output.Plain(err.Error()))
		return exitFailed
	}
}
