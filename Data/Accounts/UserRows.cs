using System.Globalization;

namespace AiChat.Data.Accounts;

/// <summary>A user as the API shows one; holds nothing secret.</summary>
internal sealed class UserRow
{
    public long Id { get; init; }

    public string? Username { get; init; }

    public string Role { get; init; } = "";

    public string Status { get; init; } = "";

    public string? StatusReason { get; init; }

    /// <summary>Messages a day; null is the server's default.</summary>
    public long? DailyLimit { get; init; }

    public bool Unlimited { get; init; }

    /// <summary>Budgets: null is the server's default, -1 none.</summary>
    public long? DailyTokenBudget { get; init; }

    public long? MonthlyTokenBudget { get; init; }

    public long? DailyNanosBudget { get; init; }

    public long? MonthlyNanosBudget { get; init; }

    public string? AvatarFile { get; init; }

    /// <summary>False until a password has been chosen after a one-time code.</summary>
    public bool HasPassword { get; init; }

    public long CreatedAt { get; init; }
}

/// <summary>The stored data that a sign-in is checked against; it never leaves the server.</summary>
internal sealed record UserCredentialRow
{
    public long Id { get; init; }

    public string Status { get; init; } = "";

    public string? StatusReason { get; init; }

    public string? PasswordHash { get; init; }

    public string? OneTimeCodeHash { get; init; }
}

/// <summary>
/// A user's own limits as an administrator sets them. A budget that is not set here stays; null is the server's default, -1 none.
/// </summary>
internal sealed record UserLimits(long? DailyLimit, bool Unlimited, bool ResetUsed)
{
    public bool SetsDailyTokens { get; init; }

    public long? DailyTokens { get; init; }

    public bool SetsMonthlyTokens { get; init; }

    public long? MonthlyTokens { get; init; }

    public bool SetsDailyNanos { get; init; }

    public long? DailyNanos { get; init; }

    public bool SetsMonthlyNanos { get; init; }

    public long? MonthlyNanos { get; init; }

    /// <summary>For the audit log: the limits that are set here, by their names in the API.</summary>
    public string Told()
    {
        List<string> told = [$"dailyLimit = {(Unlimited ? "none" : Amount(DailyLimit))}"];
        Tell(SetsDailyTokens, "dailyTokenBudget", Amount(DailyTokens));
        Tell(SetsMonthlyTokens, "monthlyTokenBudget", Amount(MonthlyTokens));
        Tell(SetsDailyNanos, "dailyMoneyBudget", Money(DailyNanos));
        Tell(SetsMonthlyNanos, "monthlyMoneyBudget", Money(MonthlyNanos));
        Tell(ResetUsed, "resetUsed", "true");
        return string.Join(", ", told);

        void Tell(bool set, string name, string value)
        {
            if (set)
            {
                told.Add($"{name} = {value}");
            }
        }
    }

    private static string Amount(long? value) => value switch
    {
        null => "default",
        -1 => "none",
        { } amount => amount.ToString(CultureInfo.InvariantCulture),
    };

    private static string Money(long? nanos) =>
        nanos is null or -1 ? Amount(nanos) : (nanos.Value / 1_000_000_000m).ToString("0.#########", CultureInfo.InvariantCulture);
}

/// <summary>How a registration ended.</summary>
internal enum Registration
{
    /// <summary>The first account: an active administrator.</summary>
    First,

    /// <summary>Waits for an administrator's approval.</summary>
    Pending,

    Taken,
    Closed,

    /// <summary>It would be the first account, and the setup code was missing or wrong.</summary>
    NeedsSetupCode,

    /// <summary>The maximum number of registrations is waiting.</summary>
    TooManyWaiting,
}

/// <summary>How an administrator's change ended.</summary>
internal enum UserChange
{
    Done,
    NotFound,

    /// <summary>No active administrator would remain.</summary>
    LastAdmin,

    /// <summary>The caller is no longer an administrator.</summary>
    Forbidden,

    /// <summary>The state of the account does not allow the change.</summary>
    WrongState,
}

/// <summary>Who asks and from which address, for the check inside a write and for its line in the audit log.</summary>
internal readonly record struct Caller(long UserId, string Ip)
{
    /// <summary>The id of the operator, who has no account; no row has it.</summary>
    public const long NoUser = -1;

    /// <summary>The command line on the server's own machine: an administrator in whatever state the accounts are.</summary>
    public bool IsOperator { get; init; }

    /// <summary>The account for the audit log; null for the operator.</summary>
    public long? ActorId => IsOperator ? null : UserId;
}
