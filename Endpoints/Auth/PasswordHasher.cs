using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using AiChat.Endpoints.Http;
using Konscious.Security.Cryptography;

namespace AiChat.Endpoints.Auth;

/// <summary>
/// Hashes and checks passwords with Argon2id. Each hash takes 19 MiB, so only a few run at once; the others wait their turn for
/// <see cref="Patience"/>, then the answer is "overloaded". An unknown name costs what a known one does.
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

    /// <summary>Those who wait hold little more than their password, at most 64 KB of a body: 64 MB, and by one address a quarter.</summary>
    private const int MaxWaiting = 1_024;
    private const int MaxWaitingPerAddress = MaxWaiting / 4;

    /// <summary>Longer nobody looks at a page that does not answer.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly FairSlots _slots;
    private readonly string _nobody = Format(MemoryKib, Passes, Lanes, RandomNumberGenerator.GetBytes(SaltLength), RandomNumberGenerator.GetBytes(TagLength));

    /// <summary>A hash takes a whole core for a while: one stays free for everybody else.</summary>
    public PasswordHasher(TimeProvider clock) =>
        _slots = new FairSlots(Math.Clamp(Environment.ProcessorCount - 1, 1, 4), MaxWaiting, MaxWaitingPerAddress, Patience, clock);

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
    public Task<string?> Hash(HttpContext context, string password) => InSlot(context, () =>
    {
        var salt = RandomNumberGenerator.GetBytes(SaltLength);
        return Format(MemoryKib, Passes, Lanes, salt, Tag(password, salt, MemoryKib, Passes, Lanes, TagLength));
    });

    /// <summary>Whether the password is the stored one, or null when it would have to wait too long. A null hash takes as long and is never right.</summary>
    public async Task<bool?> Verify(HttpContext context, string password, string? stored)
    {
        var parsed = Parse(stored) ?? Parse(_nobody)!;
        var right = await InSlot(context, () =>
        {
            var tag = Tag(password, parsed.Salt, parsed.MemoryKib, parsed.Passes, parsed.Lanes, parsed.Tag.Length);
            return CryptographicOperations.FixedTimeEquals(tag, parsed.Tag) ? "yes" : "no";
        });
        return right is null ? null : right == "yes" && stored is not null;
    }

    /// <summary>The hash was made with weaker parameters than today's.</summary>
    public static bool IsOutdated(string stored) => Parse(stored) is not { MemoryKib: >= MemoryKib, Passes: >= Passes };

    private async Task<string?> InSlot(HttpContext context, Func<string> work)
    {
        if (!await _slots.Enter(context.Caller().Bucket, context.RequestAborted))
        {
            return null;
        }

        try
        {
            // A thread of its own: on the pool, hashes would hold the few threads that every other request needs.
            return await Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }
        finally
        {
            GiveBack(_slots.Crowded);
            _slots.Leave();
        }
    }

    /// <summary>
    /// The 19 MiB of a hash are large objects, which the collector would keep until a crowd of logins has piled up hundreds. Taken
    /// back before the next hash may begin, they stay at one block a slot. A crowd's go back to the system, because a block that
    /// one of the collector's heaps keeps is of no use to another; a single one is kept for the next, or for streams.
    /// </summary>
    private static void GiveBack(bool crowd)
    {
        if (crowd)
        {
            GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        }
        else
        {
            GC.Collect(2, GCCollectionMode.Forced, blocking: true);
        }
    }

    private static byte[] Tag(string password, byte[] salt, int memoryKib, int passes, int lanes, int length)
    {
        using var argon = new Argon2id(Encoding.UTF8.GetBytes(password))
        {
            Salt = salt,
            MemorySize = memoryKib,
            Iterations = passes,
            DegreeOfParallelism = lanes,
        };
        return argon.GetBytes(length);
    }

    private static string Format(int memoryKib, int passes, int lanes, byte[] salt, byte[] tag) => string.Create(
        CultureInfo.InvariantCulture, $"$argon2id$v=19$m={memoryKib},t={passes},p={lanes}${Base64(salt)}${Base64(tag)}");

    private static string Base64(byte[] bytes) => Convert.ToBase64String(bytes).TrimEnd('=');

    private static Parsed? Parse(string? phc)
    {
        if (phc?.Split('$') is not ["", "argon2id", "v=19", var costs, var salt, var tag])
        {
            return null;
        }

        var numbers = costs.Split(',').Select(cost => int.Parse(cost.AsSpan(2), CultureInfo.InvariantCulture)).ToArray();
        return new Parsed(numbers[0], numbers[1], numbers[2], Bytes(salt), Bytes(tag));
    }

    private static byte[] Bytes(string base64) => Convert.FromBase64String(base64.PadRight((base64.Length + 3) / 4 * 4, '='));

    private sealed record Parsed(int MemoryKib, int Passes, int Lanes, byte[] Salt, byte[] Tag);
}
