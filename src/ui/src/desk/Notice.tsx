import { Alert } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { DeskNotice } from "../api/types";
import { useReasonText } from "../board/WhyNot";
import { clock, phone } from "../format";
import { Icon } from "../icons";

/** What became of the last lead on this desk, where the agent did not decide it. */
export function Notice({ notice }: { notice: DeskNotice }) {
  const { t, i18n } = useTranslation();
  const reason = useReasonText();
  const number = phone(notice.number);
  const words = () => {
    switch (notice.notice) {
      case "refused":
        return t("notice.refused", { number, reason: reason(notice.refusal?.reason ?? "") });
      case "unreached":
        return t("notice.unreached", { number, outcome: t(`disposition.${notice.disposition ?? "unknown"}`) });
      case "timed_out":
        return t("notice.timedOut", { number });
      case "caller_first":
        return t("notice.callerFirst", { number });
    }
  };
  const grave = notice.notice === "refused";
  return (
    <Alert
      color={grave ? "orange" : "gray"}
      role="status"
      icon={<Icon name={grave ? "warning" : "info"} />}
      data-testid="desk-notice"
      data-notice={notice.notice}
    >
      {words()} ({clock(notice.at, i18n.language)})
    </Alert>
  );
}
