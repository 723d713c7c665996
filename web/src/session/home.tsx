import { Text } from "@mantine/core";
import { Navigate, useParams } from "react-router";

import { entriesOf } from "../shell/navigation";
import { addressOf } from "../shell/place";
import { texts } from "../texts";
import { Empty } from "../ui/empty";
import { areasOf } from "./areas";
import { useSession } from "./session";

/** Goes to the first page of the person's first area. */
export function Home() {
  const session = useSession();
  const tenant = useParams().tenant ?? session.tenant;
  const first = areasOf(session).flatMap((area) => entriesOf(area, session))[0];
  if (first) return <Navigate to={addressOf(tenant, ...first.path)} replace />;
  return (
    <Empty icon="user" title={texts.shell.signedInAs(session.user)}>
      <Text span>{texts.session.none}</Text>
    </Empty>
  );
}
