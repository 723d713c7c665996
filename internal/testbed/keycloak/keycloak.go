// Package keycloak owns starting a real Keycloak for tests, with realms that a gateway can use, and the administrator's
// acts on them. It does not own what the tests expect of it.
package keycloak

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"keyward.dev/keyward/internal/testbed"
	"keyward.dev/keyward/internal/testbed/authority"
)

const (
	version  = "26.7.3"
	admin    = "admin"
	password = "admin-password-for-tests"
)

// Names, in the environment, of what Start uses instead of starting a Keycloak: the two addresses of one, and the folder of
// its authority. Environment gives them to a command around the tests.
const (
	sharedURL       = "KEYCLOAK_FOR_TESTS"
	sharedSecure    = "KEYCLOAK_FOR_TESTS_SECURE"
	sharedAuthority = "KEYCLOAK_FOR_TESTS_AUTHORITY"
)

// Server is a running Keycloak with a database in memory. It goes by the address that a request was sent to: realms have an
// issuer at each of its two.
type Server struct {
	child  *testbed.Child // nil where it is shared with other test processes
	folder string         // with its certificates

	URL       string               // http://127.0.0.1:PORT
	Secure    string               // https://127.0.0.1:PORT; a client may show a certificate there
	Authority *authority.Authority // of the server's certificate, and of those that clients may show

	mu      sync.Mutex
	token   string    // of the administrator
	expires time.Time // when to get another
}

// Start runs a Keycloak from the cache folder and waits until it answers, which takes about ten seconds, or takes the
// shared one. End it with Kill: several tests use it.
func Start(ctx context.Context) (*Server, error) {
	if shared := os.Getenv(sharedURL); shared != "" {
		s := &Server{URL: shared, Secure: os.Getenv(sharedSecure)}
		var err error
		s.Authority, err = authority.Open(os.Getenv(sharedAuthority))
		return s, err
	}
	s, err := prepare(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.start(ctx); err != nil {
		s.Kill()
		return nil, err
	}
	return s, nil
}

// prepare chooses addresses and makes certificates.
func prepare(ctx context.Context) (*Server, error) {
	s := &Server{}
	for scheme, address := range map[string]*string{"http": &s.URL, "https": &s.Secure} {
		port, err := testbed.Port(ctx)
		if err != nil {
			return nil, err
		}
		*address = fmt.Sprintf("%s://127.0.0.1:%d", scheme, port)
	}
	var err error
	if s.Authority, err = authority.New(); err != nil {
		return nil, err
	}
	certificate, key, err := s.Authority.Leaf("keycloak")
	if err != nil {
		return nil, err
	}
	if s.folder, err = os.MkdirTemp("", "keycloak-"); err != nil {
		return nil, fmt.Errorf("make a folder for Keycloak's certificates: %w", err)
	}
	err = s.Authority.Save(s.folder)
	for name, content := range map[string]string{certificateFile: certificate, keyFile: key} {
		err = errors.Join(err, os.WriteFile(filepath.Join(s.folder, name), []byte(content), 0o600))
	}
	if err != nil {
		s.Kill()
	}
	return s, err
}

const (
	certificateFile = "server.pem"
	keyFile         = "server-key.pem"
)

func (s *Server) start(ctx context.Context) error {
	built, err := testbed.Cached("keycloak-"+version, ".built-client-auth")
	if err != nil {
		return err
	}
	jdk, err := testbed.Cached("jdk")
	if err != nil {
		return err
	}
	management, err := testbed.Port(ctx)
	if err != nil {
		return err
	}
	file := func(name string) string { return filepath.Join(s.folder, name) }
	cmd := exec.Command(filepath.Join(filepath.Dir(built), "bin", "kc.sh"), "start", "--optimized", //nolint:noctx // ended by Kill
		"--http-enabled=true", "--http-host=127.0.0.1", "--http-port="+portOf(s.URL), "--https-port="+portOf(s.Secure),
		"--https-certificate-file="+file(certificateFile), "--https-certificate-key-file="+file(keyFile),
		"--https-trust-store-file="+file(authority.File),
		fmt.Sprintf("--http-management-port=%d", management), "--http-management-scheme=http", "--hostname-strict=false")
	cmd.Env = append(environment(), "JAVA_HOME="+jdk, "KC_BOOTSTRAP_ADMIN_USERNAME="+admin,
		"KC_BOOTSTRAP_ADMIN_PASSWORD="+password,
		// Its own options are those of a server that runs for months; a test's wants to be up soon: half the CPU time.
		"JAVA_OPTS=-Xms128m -Xmx640m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dfile.encoding=UTF-8")
	if s.child, err = testbed.Start("keycloak", cmd); err != nil {
		return err
	}
	return s.child.WaitOK(ctx, s.URL+"/realms/master", testbed.StartupLimit)
}

func portOf(address string) string { return address[strings.LastIndex(address, ":")+1:] }

// Environment is what a command needs in its environment, beside this process's own, for Start to take this server there.
func (s *Server) Environment() []string {
	if s.child == nil { // shared already: what this process was given
		return nil
	}
	return []string{sharedURL + "=" + s.URL, sharedSecure + "=" + s.Secure, sharedAuthority + "=" + s.folder}
}

// Kill ends the server at once, unless others use it.
func (s *Server) Kill() {
	if s.child != nil {
		s.child.Kill()
	}
	if s.folder != "" {
		_ = os.RemoveAll(s.folder)
	}
}

// environment is the process's own, without settings of another Keycloak or Java.
func environment() []string {
	var kept []string
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "KC_") && !strings.HasPrefix(e, "KEYCLOAK_") && !strings.HasPrefix(e, "JAVA_") {
			kept = append(kept, e)
		}
	}
	return kept
}
