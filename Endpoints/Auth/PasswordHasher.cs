using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using AiChat.Endpoints.Http;
using Konscious.Security.Cryptography;

namespace AiChat.Endpoints.Auth;

/// <summary>
/// Hashes and verifies passwords with Argon2id. A hash takes 19 MiB, so only a few run at once; others wait up to <see cref="MaxWait"/>,
/// then the answer is "overloaded". An unknown name takes the same time as a known one.
/// </summary>
internal sealed class PasswordHasher
{
    public const int MinLength = 8;
    public const int MaxLength = 128;

    // OWASP's minimum for Argon2id.
    private const int MemoryKib = 19_456;
    private const int Passes = 2;
    private const int Lanes = 1;
    private const int SaltLength = 16;
    private const int TagLength = 32;

    /// <summary>A waiting request retains at most its body of 64 KB: 64 MB in all, and a quarter for one address.</summary>
    private const int MaxWaiting = 1_024;
    private const int MaxWaitingPerAddress = MaxWaiting / 4;

    /// <summary>People rarely wait longer for a page that does not answer.</summary>
    private static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(10);

    private readonly FairSlots _slots;
    private readonly string _unknownUser = Format(new Parsed(
        MemoryKib, Passes, Lanes, null, RandomNumberGenerator.GetBytes(SaltLength), RandomNumberGenerator.GetBytes(TagLength)));

    /// <summary>A hash occupies a core, so one core stays free for other requests.</summary>
    public PasswordHasher(TimeProvider clock) =>
        _slots = new FairSlots(Math.Clamp(Environment.ProcessorCount - 1, 1, 4), MaxWaiting, MaxWaitingPerAddress, MaxWait, clock);

    /// <summary>The rule a new password breaks, or null.</summary>
    public static string? Broken(string password, string username)
    {
        if (password.Length is < MinLength or > MaxLength)
        {
            return $"has {MinLength} to {MaxLength} characters";
        }

        if (password.Contains(username, StringComparison.OrdinalIgnoreCase)
            || password.Contains("aichat", StringComparison.OrdinalIgnoreCase)
            || CommonPasswords.Contains(password))
        {
            return "is not easy to guess: not the user name, not one of the common ones";
        }

        return null;
    }

    /// <summary>The PHC string to store, or null when it would have to wait too long.</summary>
    public Task<string?> Hash(HttpContext context, string password) => Hash(context, password, counted: null);

    /// <summary>
    /// As <see cref="Hash(HttpContext, string)"/>, in place of an outdated hash that matched. Of a password that is longer than bcrypt
    /// reads, the same part counts as before: what stood behind it was never checked.
    /// </summary>
    public Task<string?> Rehash(HttpContext context, string password, string outdated) => Hash(
        context, password, BcryptHash.IsKnown(outdated) && BcryptHash.IsLonger(password) ? BcryptHash.MaxBytes : null);

    /// <summary>
    /// Whether the password is the stored one, or null when it would have to wait too long. A null hash takes the same time and never
    /// matches.
    /// </summary>
    public async Task<bool?> Verify(HttpContext context, string password, string? stored)
    {
        var parsed = Parse(stored) ?? Parse(_unknownUser)!;
        var right = await InSlot(context, () =>
        {
            if (BcryptHash.IsKnown(stored))
            {
                return BcryptHash.Verify(password, stored!) ? "yes" : "no";
            }

            var tag = Tag(password, parsed, parsed.Tag.Length);
            return CryptographicOperations.FixedTimeEquals(tag, parsed.Tag) ? "yes" : "no";
        });
        return right is null ? null : right == "yes" && stored is not null;
    }

    /// <summary>The hash was made at a lower cost than today's.</summary>
    public static bool IsOutdated(string stored) => Parse(stored) is not { MemoryKib: >= MemoryKib, Passes: >= Passes };

    private async Task<string?> InSlot(HttpContext context, Func<string> work)
    {
        if (!await _slots.Enter(context.Client().Bucket, context.RequestAborted))
        {
            return null;
        }

        try
        {
            // On a thread of its own: hashes would occupy the few pool threads that all other requests need.
            return await Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }
        finally
        {
            MemoryAtRest.CollectAfterHash(_slots.Crowded);
            _slots.Leave();
        }
    }

    private Task<string?> Hash(HttpContext context, string password, int? counted) => InSlot(context, () =>
    {
        var costs = new Parsed(MemoryKib, Passes, Lanes, counted, RandomNumberGenerator.GetBytes(SaltLength), []);
        return Format(costs with { Tag = Tag(password, costs, TagLength) });
    });

    private static byte[] Tag(string password, Parsed hash, int length)
    {
        var bytes = hash.Counted is null ? Encoding.UTF8.GetBytes(password) : BcryptHash.Counted(password);
        using var argon = new Argon2id(bytes)
        {
            Salt = hash.Salt,
            MemorySize = hash.MemoryKib,
            Iterations = hash.Passes,
            DegreeOfParallelism = hash.Lanes,
        };
        return argon.GetBytes(length);
    }

    /// <summary>A PHC string, with b for the bytes of the password that count, where not all do.</summary>
    private static string Format(Parsed hash) => string.Create(
        CultureInfo.InvariantCulture,
        $"$argon2id$v=19$m={hash.MemoryKib},t={hash.Passes},p={hash.Lanes}{(hash.Counted is { } bytes ? $",b={bytes}" : "")}"
            + $"${Base64(hash.Salt)}${Base64(hash.Tag)}");

    private static string Base64(byte[] bytes) => Convert.ToBase64String(bytes).TrimEnd('=');

    private static Parsed? Parse(string? phc)
    {
        if (phc?.Split('$') is not ["", "argon2id", "v=19", var costs, var salt, var tag])
        {
            return null;
        }

        var numbers = costs.Split(',').Select(cost => int.Parse(cost.AsSpan(2), CultureInfo.InvariantCulture)).ToArray();
        return new Parsed(numbers[0], numbers[1], numbers[2], numbers.Length > 3 ? numbers[3] : null, Bytes(salt), Bytes(tag));
    }

    private static byte[] Bytes(string base64) => Convert.FromBase64String(base64.PadRight((base64.Length + 3) / 4 * 4, '='));

    /// <param name="Counted">The bytes of the password that count; null is all.</param>
    private sealed record Parsed(int MemoryKib, int Passes, int Lanes, int? Counted, byte[] Salt, byte[] Tag);
}
