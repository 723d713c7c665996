import { endSessions, sessionsKey } from "../api/sessions";
import { texts } from "../texts";
import { Page } from "../ui/page";
import { Revoke } from "../ui/revoke";
import { useSession } from "./session";
import { SessionTable } from "./session-table";

const words = texts.sessions;

/** A person's own sessions, and the way to end all of them. */
export function YourSessions() {
  const { tenant, name } = useSession(); // the tenant may be another than the one that they look at
  const leave = async () => {
    await endSessions(tenant);
    location.assign(document.baseURI); // this one is over, too
  };
  return (
    <Page
      title={words.yours}
      lead={words.yoursLead}
      actions={
        <Revoke
          words={{ revoke: words.everywhere, revokeTitle: () => words.everywhereTitle, revokeLead: words.everywhereLead }}
          name={name}
          stale={sessionsKey(tenant)}
          revoke={leave}
        />
      }
    >
      <SessionTable tenant={tenant} whose="mine" may />
    </Page>
  );
}
