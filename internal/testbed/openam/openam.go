// Package openam owns starting a real OpenAM for tests, with a realm of each sort, and its administrator's acts. It does
// not own what the tests expect of it.
package openam

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"keyward.dev/keyward/internal/testbed"
)

const version = "16.0.5"

// Who may do what.
const (
	Admin         = "amadmin"
	AdminPassword = "admin-pass: 1%+"
	Registrar     = "dcr-admin" // a client of the closed realm whose token opens registration
	RegistrarKey  = "dcr-secret"
)

// Scopes are those that every realm supports.
func Scopes() []string { return []string{"orders:read", "orders:write", "orders:files"} }

// Server is a running OpenAM with a configuration of its own.
type Server struct {
	*testbed.Child
	URL string // http://127.0.0.1:PORT/am

	folder  string
	session string
}

// Start runs an OpenAM out of the cache folder, configures it and makes the realms alpha (JWTs, open registration),
// bravo (opaque tokens) and closed (registration needs a token). That takes half a minute on a quiet machine. End it
// with Close: several tests share one.
func Start(ctx context.Context) (*Server, error) {
	home, err := testbed.Cached("openam-"+version, ".ready")
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "openam-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for OpenAM: %w", err)
	}
	s := &Server{folder: folder}
	if err := s.run(ctx, filepath.Dir(home)); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Close ends the server at once and removes what it wrote.
func (s *Server) Close() {
	if s.Child != nil {
		s.Kill()
	}
	_ = os.RemoveAll(s.folder) // a temporary folder
}

// Issuer is a realm's issuer; its metadata is below it.
func (s *Server) Issuer(realm string) string { return s.URL + "/oauth2/realms/root/realms/" + realm }

func (s *Server) run(ctx context.Context, home string) error {
	ports := make([]int, 4)
	for i := range ports {
		p, err := testbed.Port(ctx)
		if err != nil {
			return err
		}
		ports[i] = p
	}
	s.URL = fmt.Sprintf("http://127.0.0.1:%d/am", ports[0])
	if err := s.writeTomcat(home, ports[0]); err != nil {
		return err
	}
	cmd, err := s.command(home)
	if err != nil {
		return err
	}
	if s.Child, err = testbed.Start("openam", cmd); err != nil {
		return err
	}
	if err := s.WaitOK(ctx, s.URL+"/isAlive.jsp", testbed.StartupLimit); err != nil {
		return err
	}
	if err := s.configure(ctx, ports); err != nil {
		return fmt.Errorf("%w\n%s", err, s.Output())
	}
	return s.makeRealms(ctx)
}

// writeTomcat makes a Tomcat base whose one web application is the unpacked OpenAM, which several may share.
func (s *Server) writeTomcat(home string, port int) error {
	for _, dir := range []string{"conf", "logs", "temp", "work", "home", "cfg"} {
		if err := os.Mkdir(filepath.Join(s.folder, dir), 0o700); err != nil {
			return fmt.Errorf("make Tomcat's folders: %w", err)
		}
	}
	server := fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?>
<Server port="-1" shutdown="SHUTDOWN"><Service name="Catalina">
<Connector port="%d" address="127.0.0.1" protocol="HTTP/1.1"/>
<Engine name="Catalina" defaultHost="localhost"><Host name="localhost" appBase="none" autoDeploy="false">
<Context path="/am" docBase="%s"/></Host></Engine></Service></Server>
`, port, filepath.Join(home, "am"))
	web, err := os.ReadFile(filepath.Join(home, "tomcat", "conf", "web.xml"))
	if err != nil {
		return fmt.Errorf("read Tomcat's settings: %w", err)
	}
	properties, err := os.ReadFile(filepath.Join(home, "tomcat", "conf", "catalina.properties"))
	if err != nil {
		return fmt.Errorf("read Tomcat's settings: %w", err)
	}
	// Looking through every archive for annotations takes longer than all else of the start.
	properties = append(properties, "\ntomcat.util.scan.StandardJarScanFilter.jarsToSkip=*\n"...)
	for name, content := range map[string][]byte{
		"server.xml": []byte(server), "web.xml": web, "catalina.properties": properties,
	} {
		if err := os.WriteFile(filepath.Join(s.folder, "conf", name), content, 0o600); err != nil {
			return fmt.Errorf("write Tomcat's settings: %w", err)
		}
	}
	return nil
}

func (s *Server) command(home string) (*exec.Cmd, error) {
	jdk, err := testbed.Cached("jdk")
	if err != nil {
		return nil, err
	}
	tomcat := filepath.Join(home, "tomcat")
	args := []string{
		// A start loads classes more than it runs them: no second look at their code, and room from the beginning.
		"-Xms512m", "-Xmn256m", "-Xmx768m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
		"-XX:+UnlockDiagnosticVMOptions", "-XX:-BytecodeVerificationRemote",
		"-Djava.awt.headless=true", "-Djava.net.preferIPv4Stack=true",
		"-Duser.home=" + filepath.Join(s.folder, "home"), "-Djava.io.tmpdir=" + filepath.Join(s.folder, "temp"),
		"-Dcatalina.home=" + tomcat, "-Dcatalina.base=" + s.folder,
		"-Dcom.sun.identity.configuration.directory=" + filepath.Join(s.folder, "cfg"),
		"-Dcom.iplanet.services.configpath=" + filepath.Join(s.folder, "cfg"),
	}
	for _, module := range []string{
		"java.base/sun.security.util", "java.security.jgss/sun.security.krb5", "java.base/sun.security.x509",
		"java.base/sun.security.tools.keytool", "java.xml/com.sun.org.apache.xerces.internal.dom",
	} {
		args = append(args, "--add-exports", module+"=ALL-UNNAMED")
	}
	bin := filepath.Join(tomcat, "bin")
	args = append(args, "-cp", filepath.Join(bin, "bootstrap.jar")+":"+filepath.Join(bin, "tomcat-juli.jar"),
		"org.apache.catalina.startup.Bootstrap", "start")
	cmd := exec.Command(filepath.Join(jdk, "bin", "java"), args...) //nolint:noctx // ended by Kill
	cmd.Dir = s.folder
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "JAVA_") && !strings.HasPrefix(e, "CATALINA_") {
			cmd.Env = append(cmd.Env, e)
		}
	}
	return cmd, nil
}

// configure answers the questions of a first visit.
func (s *Server) configure(ctx context.Context, ports []int) error {
	const internal = "ldap-pass-2"
	form := url.Values{
		"acceptLicense": {"true"}, "SERVER_URL": {strings.TrimSuffix(s.URL, "/am")}, "DEPLOYMENT_URI": {"/am"},
		"BASE_DIR": {filepath.Join(s.folder, "cfg")}, "locale": {"en_US"}, "PLATFORM_LOCALE": {"en_US"},
		"AM_ENC_KEY": {"0123456789abcdef0123456789abcdef"}, "ADMIN_PWD": {AdminPassword}, "ADMIN_CONFIRM_PWD": {AdminPassword},
		"AMLDAPUSERPASSWD": {internal}, "AMLDAPUSERPASSWD_CONFIRM": {internal}, "COOKIE_DOMAIN": {"127.0.0.1"},
		"DATA_STORE": {"embedded"}, "DIRECTORY_SSL": {"SIMPLE"}, "DIRECTORY_SERVER": {"localhost"},
		"DIRECTORY_PORT": {fmt.Sprint(ports[1])}, "DIRECTORY_ADMIN_PORT": {fmt.Sprint(ports[2])},
		"DIRECTORY_JMX_PORT": {fmt.Sprint(ports[3])}, "ROOT_SUFFIX": {"dc=openam,dc=example,dc=test"},
		"DS_DIRMGRDN": {"cn=Directory Manager"}, "DS_DIRMGRPASSWD": {AdminPassword},
	}
	said, err := s.send(ctx, "POST", "/config/configurator", form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	if err != nil {
		return fmt.Errorf("configure OpenAM: %w", err)
	}
	if !strings.Contains(string(said), "Configuration complete") {
		return fmt.Errorf("configure OpenAM: it did not say that it is done")
	}
	return nil
}
