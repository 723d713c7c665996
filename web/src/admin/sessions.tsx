import { SessionTable } from "../session/session-table";
import { useTenant } from "../shell/place";
import { texts } from "../texts";
import { Page } from "../ui/page";

const words = texts.sessions;

/** Who is signed in at the console. */
export function Sessions() {
  return (
    <Page title={words.title} lead={words.lead}>
      <SessionTable tenant={useTenant()} whose="everybody" may />
    </Page>
  );
}
