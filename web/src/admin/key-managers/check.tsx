import { Alert, Button, Group, Stack, Switch, Text } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";

import { check, type Checked } from "../../api/key-managers";
import type { Schemas } from "../../api/client";
import type { Told } from "../../object/editor";
import { useTenant } from "../../shell/place";
import { texts } from "../../texts";
import { Icon } from "../../ui/icon";
import { ProblemAlert } from "../../ui/problem-alert";
import { Steps } from "../../ui/steps";

const words = texts.admin.check;

/** How a check ended, for who is not looking at its steps. */
function toldOf(verdict: string): Told {
  const tone = verdict === "pass" ? "good" : verdict === "warn" ? "warn" : "bad";
  return { tone, words: words.told[tone] };
}

/** Runs the live checks and shows each step as soon as it is known. tell hears how they ended. */
export function CheckPanel({ what, tell }: { what: Checked; tell?: (told: Told | undefined) => void }) {
  const tenant = useTenant();
  const [register, setRegister] = useState(true);
  const [steps, setSteps] = useState<Schemas["Line"][]>([]);
  const aborted = useRef<AbortController>(undefined);
  useEffect(() => () => aborted.current?.abort(), []);
  const run = useMutation({
    mutationFn: (asked: Checked) => {
      aborted.current?.abort();
      aborted.current = new AbortController();
      setSteps([]);
      tell?.(undefined);
      return check(tenant, asked, register, (step) => { setSteps((old) => [...old, step]); }, aborted.current.signal);
    },
    onSuccess: ({ verdict }) => tell?.(toldOf(verdict)),
    onError: () => tell?.(toldOf("fail")),
  });
  return (
    <Stack gap="sm">
      <Group>
        <Button
          variant="light"
          loading={run.isPending}
          onClick={() => { run.mutate(what); }}
          leftSection={<Icon name="gauge" size={16} />}
        >
          {steps.length > 0 ? words.again : words.run}
        </Button>
        <Switch
          checked={register}
          onChange={(event) => { setRegister(event.currentTarget.checked); }}
          label={words.register}
        />
      </Group>
      {run.isPending && <Text size="sm" c="dimmed" role="status">{words.running}</Text>}
      {run.data && (
        <Alert
          role="status"
          color={run.data.verdict === "pass" ? "pine" : run.data.verdict === "warn" ? "yellow" : "red"}
          title={words.verdict(run.data.verdict, run.data.millis)}
        />
      )}
      {!run.isPending && run.variables && JSON.stringify(run.variables) !== JSON.stringify(what) && <Text size="sm" c="dimmed" role="status">{words.changed}</Text>}
      {run.error && <ProblemAlert error={run.error} />}
      <Steps steps={steps.map((line) => ({ ...line, result: line.verdict }))} label={words.title} />
    </Stack>
  );
}
