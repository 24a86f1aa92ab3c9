using System.Globalization;
using AiChat.Data;
using AiChat.Data.Accounts;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Catalog;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Settings;

namespace AiChat.Endpoints.Calls;

/// <summary>
/// Turns the settings into limits for <see cref="UsageLimits"/>, and its refusals into problems. A call counts once its provider has sent
/// something: as one message, with the tokens that the provider reports (or our estimate) and their price. A failure or a stop before that
/// counts nothing, and a repeated clientMessageId is not admitted twice. A step of an agent, which brings results of tools, is no message.
/// All usage counts on the day (UTC) on which the call began.
/// </summary>
internal static class QuotaPolicy
{
    private const decimal NanosPerUnit = 1_000_000_000m;

    /// <summary>Tokens reserved for an answer when the caller names no limit.</summary>
    private const int DefaultAnswer = 4_096;

    public static DefaultLimits DefaultLimits(this SystemSettings settings) => new(
        settings.DefaultUserDailyQuota,
        settings.AnonymousDailyQuota,
        settings.AnonymousTotalDailyQuota,
        settings.DefaultDailyTokenBudget,
        settings.DefaultMonthlyTokenBudget,
        Nanos(settings.DefaultDailyMoneyBudget),
        Nanos(settings.DefaultMonthlyMoneyBudget));

    /// <summary>Admission of one chat message; reserves its text and an answer of default length.</summary>
    public static Admission Admission(this SystemSettings settings, CurrentUser me, ResolvedModel model, ReadOnlySpan<char> text) =>
        settings.Admission(me, model, TokenEstimate.Estimate(text), null);

    /// <summary>Admission of a call that names its own sizes; reserves no more than the model can read and answer.</summary>
    /// <param name="settings">The limits of users without their own.</param>
    /// <param name="me">The user, with the key of the call if there is one.</param>
    /// <param name="model">The model that is asked.</param>
    /// <param name="promptTokens">Estimated tokens of the prompt.</param>
    /// <param name="answerTokens">The requested maximum of one answer, if any.</param>
    /// <param name="answers">The number of answers asked for.</param>
    /// <param name="prompts">The number of prompts, each of which may fill the context.</param>
    public static Admission Admission(
        this SystemSettings settings, CurrentUser me, ResolvedModel model, long promptTokens, long? answerTokens,
        int answers = 1, int prompts = 1)
    {
        var prompt = Math.Clamp(promptTokens, 0, (long)model.ContextLimit * prompts);
        return settings.Admission(me.Id, me.ApiKeyId, model, prompt, answerTokens, answers, settings.MaxRunsPerUser);
    }

    /// <summary>As above, for a call that the server makes on behalf of a user. The prompt is not capped.</summary>
    public static Admission Admission(
        this SystemSettings settings, long userId, long? keyId, ResolvedModel model, long promptTokens, long? answerTokens, int answers = 1,
        long? maxRuns = null)
    {
        var answer = Math.Clamp(answerTokens ?? DefaultAnswer, 0, model.LongestAnswer) * answers;
        return new Admission(userId, keyId, settings.DefaultLimits())
        {
            MaxRuns = maxRuns,
            Tokens = promptTokens + answer,
            Nanos = model.Price?.CostNanos(promptTokens, answer, 0) ?? 0,
            Free = model.IsFree,
        };
    }

    /// <summary>The models that a call with this reservation may ask.</summary>
    public static IReadOnlyList<ResolvedModel> May(this Reservation? reservation, IReadOnlyList<ResolvedModel> models) =>
        reservation is { OnlyFree: true } ? [.. models.Where(model => model.IsFree)] : models;

    public static long? Nanos(decimal? amount) => amount is { } units ? (long)(units * NanosPerUnit) : null;

    public static decimal? Amount(long? nanos) => nanos / NanosPerUnit;

    /// <summary>Says which limit refused a call, until when it holds and who can raise it.</summary>
    public static Problem Refusal(LimitRefusal refusal, DateTimeOffset now) => refusal.Result switch
    {
        LimitResult.Runs => RunSlots.TooManyRuns,
        LimitResult.Messages => Exceeded($"limit of {Count(refusal)} messages a day of this account", UtcDay.EndOf(now), now),
        LimitResult.GuestMessages => Exceeded($"limit of {Count(refusal)} messages a day of all guests together", UtcDay.EndOf(now), now),
        LimitResult.DayTokens => Exceeded($"budget of {Count(refusal)} tokens a day of this account", UtcDay.EndOf(now), now),
        LimitResult.DayMoney => Exceeded($"budget of {Money(refusal)} a day of this account", UtcDay.EndOf(now), now),
        LimitResult.KeyMoney => Exceeded(
            $"budget of {Money(refusal)} a day of this API key", UtcDay.EndOf(now), now, "Its owner can make a key with a higher one."),
        LimitResult.MonthTokens => Exceeded($"budget of {Count(refusal)} tokens a month of this account", UtcDay.EndOfMonth(now), now),
        LimitResult.MonthMoney => Exceeded($"budget of {Money(refusal)} a month of this account", UtcDay.EndOfMonth(now), now),
        LimitResult.Nobody => Problems.NotFound(),
    };

    private static string Count(LimitRefusal refusal) => refusal.Amount.ToString("N0", CultureInfo.InvariantCulture);

    private static string Money(LimitRefusal refusal) => (refusal.Amount / NanosPerUnit).ToString("0.00####", CultureInfo.InvariantCulture);

    private static Problem Exceeded(
        string limit, DateTimeOffset until, DateTimeOffset now, string whoRaisesIt = "An administrator can raise it.")
    {
        var here = until.ToLocalTime().ToString("yyyy-MM-dd HH:mm zzz", CultureInfo.InvariantCulture);
        var everywhere = until.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);
        var code = limit.StartsWith("limit", StringComparison.Ordinal) ? "quota_exceeded" : "budget_exceeded";
        var detail = $"The {limit} is used up until {here} ({everywhere}). {whoRaisesIt}";
        return new Problem(429, code, detail) { RetryAfter = (int)(until - now).TotalSeconds + 1, ShouldRetry = false };
    }
}
