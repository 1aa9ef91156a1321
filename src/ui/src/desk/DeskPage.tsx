import { Alert, Button, Stack } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Me } from "../api/types";
import { Icon } from "../icons";
import { Waiting } from "../shell/Waiting";
import { SignIn } from "./SignIn";
import { OnShift } from "./OnShift";
import { useDesk } from "./useDesk";

/** The agent's one page: it never navigates while a shift lasts. */
export function DeskPage({ me }: { me: Me }) {
  const { state, signIn, act } = useDesk();
  switch (state.at) {
    case "asking":
      return <Waiting />;
    case "signed_out":
      return <SignIn me={me} elsewhere={state.elsewhere} onSignIn={signIn} />;
    case "replaced":
      return <Replaced onTakeOver={() => void signIn(me.groups).catch(() => undefined)} />;
    case "on_shift":
      return <OnShift me={me} desk={state.desk} lostSince={state.lostSince} act={act} />;
  }
}

function Replaced({ onTakeOver }: { onTakeOver: () => void }) {
  const { t } = useTranslation();
  return (
    <Alert
      color="orange"
      role="alert"
      icon={<Icon name="warning" />}
      title={t("desk.replaced")}
      maw={560}
      mx="auto"
      mt="xl"
      data-testid="desk-replaced"
    >
      <Stack align="flex-start">
        {t("desk.replacedNext")}
        <Button onClick={onTakeOver} data-testid="desk-take-over">
          {t("desk.takeOver")}
        </Button>
      </Stack>
    </Alert>
  );
}
