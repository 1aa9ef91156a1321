import { Alert, Button, Group, List, Text, type AlertProps } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { asProblem, type Problem } from "../api/problem";
import { Icon } from "../icons";

interface Props extends Omit<AlertProps, "title"> {
  error: unknown;
  onRetry?: () => void;
}

/** What went wrong, beside the place where it happened: what it means, what exactly, and what to do. */
export function ProblemAlert({ error, onRetry, ...rest }: Props) {
  const { t } = useTranslation();
  const problem = asProblem(error);
  const items = problem.errors.filter((item) => item.detail);
  return (
    <Alert
      color="red"
      variant="light"
      role="alert"
      icon={<Icon name="warning" />}
      title={useProblemTitle()(problem)}
      data-testid="problem"
      data-code={problem.code}
      {...rest}
    >
      {problem.detail && items.length === 0 && <Text size="sm">{problem.detail}</Text>}
      {items.length > 0 && (
        <List size="sm">
          {items.map((item, index) => (
            <List.Item key={index}>{item.detail}</List.Item>
          ))}
        </List>
      )}
      {onRetry && (
        <Group mt="xs">
          <Button size="xs" variant="default" onClick={onRetry}>
            {t("general.retry")}
          </Button>
        </Group>
      )}
    </Alert>
  );
}

/** A short title for a problem in the reader's language. */
export function useProblemTitle(): (problem: Problem) => string {
  const { t } = useTranslation();
  return (problem) =>
    t(`problem.${problem.code}`, {
      defaultValue: problem.status >= 500 ? t("problem.server") : t("problem.refused"),
      count: problem.retryAfter ?? 0,
    });
}
