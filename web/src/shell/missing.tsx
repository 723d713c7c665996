import { Button } from "@mantine/core";
import { Link } from "react-router";

import { texts } from "../texts";
import { Empty } from "../ui/empty";
import type { IconName } from "../ui/icon";
import { Page } from "../ui/page";

const words = texts.missing;

/** An address that no page has, or one of something that is not there, with what the server says of that. */
export function Missing({ said = words.nothing }: { said?: string }) {
  return <NoPage title={words.title} icon="search" said={said} lead={words.lead} />;
}

/** The page of something that is for others, with what the server says of that. */
export function Refused({ said }: { said: string }) {
  return <NoPage title={texts.notYours.object} icon="user" said={said} lead={texts.notYours.objectLead} />;
}

interface Props {
  title: string;
  icon: IconName;
  said: string;
  lead: string;
}

// A page in the place of one that cannot be shown, with the way home.
function NoPage({ title, icon, said, lead }: Props) {
  return (
    <Page title={title}>
      <Empty icon={icon} title={said} action={<Button component={Link} to="/" variant="default">{words.home}</Button>}>{lead}</Empty>
    </Page>
  );
}
