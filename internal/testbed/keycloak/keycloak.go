// Package keycloak owns starting a real Keycloak for tests, with realms that a gateway can use, and the administrator's
// acts on them. It does not own what the tests expect of it.
package keycloak

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"keyward.dev/keyward/internal/testbed"
)

const (
	version  = "26.7.3"
	admin    = "admin"
	password = "admin-password-for-tests"
)

// SharedVariable names, in the environment, the address of a Keycloak that Start uses instead of starting one; the
// command around sets it.
const SharedVariable = "KEYCLOAK_FOR_TESTS"

// Server is a running Keycloak with a database in memory.
type Server struct {
	child *testbed.Child // nil where it is shared with other test processes
	URL   string         // http://127.0.0.1:PORT

	mu      sync.Mutex
	token   string    // of the administrator
	expires time.Time // when to get another
}

// Start runs a Keycloak from the cache folder and waits until it answers, which takes about ten seconds, or takes the
// shared one. End it with Kill: several tests use it.
func Start(ctx context.Context) (*Server, error) {
	if shared := os.Getenv(SharedVariable); shared != "" {
		return &Server{URL: shared}, nil
	}
	home, err := testbed.Cached("keycloak-"+version, ".built")
	if err != nil {
		return nil, err
	}
	home = filepath.Dir(home)
	jdk, err := testbed.Cached("jdk")
	if err != nil {
		return nil, err
	}
	port, err := testbed.Port(ctx)
	if err != nil {
		return nil, err
	}
	management, err := testbed.Port(ctx)
	if err != nil {
		return nil, err
	}
	s := &Server{URL: fmt.Sprintf("http://127.0.0.1:%d", port)}
	cmd := exec.Command(filepath.Join(home, "bin", "kc.sh"), "start", "--optimized", //nolint:noctx // ended by Kill
		"--http-enabled=true", "--http-host=127.0.0.1", fmt.Sprintf("--http-port=%d", port),
		fmt.Sprintf("--http-management-port=%d", management), "--hostname="+s.URL)
	cmd.Env = append(environment(), "JAVA_HOME="+jdk, "KC_BOOTSTRAP_ADMIN_USERNAME="+admin,
		"KC_BOOTSTRAP_ADMIN_PASSWORD="+password,
		// Its own options are those of a server that runs for months; a test's wants to be up soon: half the CPU time.
		"JAVA_OPTS=-Xms128m -Xmx640m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dfile.encoding=UTF-8")
	if s.child, err = testbed.Start("keycloak", cmd); err != nil {
		return nil, err
	}
	if err := s.child.WaitOK(ctx, s.URL+"/realms/master", testbed.StartupLimit); err != nil {
		s.Kill()
		return nil, err
	}
	return s, nil
}

// Kill ends the server at once, unless others use it.
func (s *Server) Kill() {
	if s.child != nil {
		s.child.Kill()
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
