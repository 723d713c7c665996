// Command terminator ends TLS before a server, as a company's proxy does, and puts it below a path: terminator TARGET /PATH. It
// prints its address, takes the path off requests, adds X-Forwarded fields, and ends when its standard input does.
//
// It does not own the server, and its certificate is nobody's.
package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "terminator:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 || !strings.HasPrefix(args[1], "/") {
		return fmt.Errorf("usage: terminator TARGET /PATH")
	}
	target, err := url.Parse(args[0])
	if err != nil {
		return fmt.Errorf("read the target: %w", err)
	}
	quiet := log.New(io.Discard, "", 0) // browsers complain of the certificate, and go away
	proxy := &httputil.ReverseProxy{ErrorLog: quiet, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.SetXForwarded()
	}}
	mux := http.NewServeMux()
	mux.Handle(args[1]+"/", http.StripPrefix(args[1], proxy))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { // somebody else's, and what leads there is a fault
		http.Error(w, r.URL.Path+" is not below "+args[1], http.StatusTeapot)
	})
	server := httptest.NewUnstartedServer(mux)
	server.Config.ErrorLog = quiet
	server.StartTLS()
	defer server.Close()
	if _, err := fmt.Println(server.URL); err != nil {
		return fmt.Errorf("print the address: %w", err)
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
