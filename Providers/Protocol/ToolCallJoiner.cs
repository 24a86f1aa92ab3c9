using System.Text.Json;
using AiChat.Providers.Transport;

namespace AiChat.Providers.Protocol;

/// <summary>
/// Puts tool calls together from pieces in any order and of any completeness: name or id late, empty first, repeated or in two pieces;
/// the index missing, always 0 or another for each piece; arguments as a whole that is said again, longer each time, as a text in JSON, or
/// after a placeholder. A call is told to the reader when its name and the beginning of its arguments are known, after those before it;
/// arguments that came in one piece wait for the end, because they may be replaced.
/// </summary>
internal sealed class ToolCallJoiner(List<ChatDelta> ready)
{
    private const int MaxArguments = 1024 * 1024;
    private const int MaxCalls = 128;

    private readonly List<Call> _calls = [];
    private int _length;

    /// <summary>Prefix of the ids made up for calls without one.</summary>
    private string IdPrefix => field ??= $"call_{Guid.NewGuid():N}"[..21];

    /// <summary>Takes a piece of a call; returns the zero-based position of the call among the answer's calls.</summary>
    /// <param name="index">The provider's number of the call; null when it gives none.</param>
    /// <param name="whole">The arguments are the whole of them, also after pieces.</param>
    public int Add(int? index, string? id, string? name, string? arguments, bool whole = false)
    {
        var place = Place(index, id, name, arguments, whole);
        var call = _calls[place];
        arguments = call.Held.Length == 0 && !call.Json.Begun ? Unwrapped(arguments) : arguments;
        _length += (arguments?.Length ?? 0) + (call.Started ? 0 : (id?.Length ?? 0) + (name?.Length ?? 0));
        if (_calls.Count > MaxCalls || _length > MaxArguments)
        {
            throw new ProviderException(ProviderFailure.TooLarge, "The model asked for too many or too long tool calls.");
        }

        call.Id ??= string.IsNullOrEmpty(id) ? null : id;
        call.Name = call.Started ? call.Name : Joined(call, name);
        if (!string.IsNullOrEmpty(arguments))
        {
            if (whole)
            {
                Replace(call, arguments);
            }
            else
            {
                Append(call, arguments);
            }
        }

        // Calls are told in their order, because a program may carry them out one after the other.
        var isNext = place == 0 || _calls[place - 1].Started;
        if (isNext && !call.Started && call.Name.Length > 0 && !call.Json.Complete
            && (call.Json.Begun || !MayBePlaceholder(call.Held)))
        {
            Start(call, place);
        }
        else if (call.Started)
        {
            Send(call, place);
        }

        return place;
    }

    /// <summary>Tells the reader what was held back, at the end of the reply or where it broke.</summary>
    public void Flush()
    {
        for (var place = 0; place < _calls.Count; place++)
        {
            var call = _calls[place];
            if (call.Half != '\0')
            {
                call.Held += '\uFFFD';
                call.Half = '\0';
            }

            if (!call.Started)
            {
                call.Held = call.Held.Trim() is "null" or "\"\"" ? "" : call.Held;
                Start(call, place);
            }
            else
            {
                Send(call, place);
            }
        }
    }

    // A name can come in two pieces, or again with each piece, or longer each time.
    private static string Joined(Call call, string? name) =>
        string.IsNullOrEmpty(name) ? call.Name
        : call.Name.Length == 0 || name.StartsWith(call.Name, StringComparison.Ordinal) ? name
        : call.Held.Length == 0 ? call.Name + name : call.Name;

    /// <summary>Arguments that were written as JSON twice.</summary>
    private static string? Unwrapped(string? arguments)
    {
        if (arguments is not ['"', .., '"'] || !arguments.Contains('{', StringComparison.Ordinal))
        {
            return arguments;
        }

        try
        {
            using var json = JsonDocument.Parse(arguments);
            return LenientJson.Read(json.RootElement) is ['{', ..] inner ? inner : arguments;
        }
        catch (JsonException)
        {
            return arguments;
        }
    }

    private static void Append(Call call, string arguments)
    {
        arguments = call.Json is { Begun: true, Complete: false } && call.MayBeSaidAgain ? call.Rest(arguments) : arguments;
        if (call.Json.Complete)
        {
            if (call.Started || !arguments.AsSpan().TrimStart().StartsWith('{') || (IsEmpty(arguments) && !IsEmpty(call.Held)))
            {
                return; // the same arguments again, or what follows them
            }

            call.Reset();
        }
        else if (!call.Json.Begun && call.Held.Length > 0 && arguments.AsSpan().TrimStart().StartsWith('{'))
        {
            call.Reset(); // null or "" stood for them
        }

        arguments = SplitLetter.Whole(arguments, ref call.Half);
        var end = call.Json.Read(arguments);
        var again = call.Started ? -1 : call.Json.Again;
        call.Held = again < 0 ? call.Held + arguments[..end] : arguments[again..end];
        call.Last = arguments.AsSpan().TrimEnd() is [.., var last] ? last : call.Last;
    }

    private static void Replace(Call call, string arguments)
    {
        if (call.Started)
        {
            if (!call.Json.Complete && call.Said.Rest(default, arguments) is { } rest)
            {
                call.Half = '\0';
                call.Held += rest[..call.Json.Read(rest)];
            }
        }
        else if (call.Held.Length == 0 || !IsEmpty(arguments))
        {
            call.Reset();
            call.Half = '\0';
            call.Held = arguments;
            call.Json.Read(arguments);
        }
    }

    private static bool IsEmpty(string arguments) => arguments.AsSpan().Trim() is "" or "{}" or "null" or "\"\"";

    /// <summary>Whether this begins a value that stands for arguments that come later.</summary>
    private static bool MayBePlaceholder(string arguments) => arguments.AsSpan().Trim() is var text
        && ("null".AsSpan().StartsWith(text, StringComparison.Ordinal) || "\"\"".AsSpan().StartsWith(text, StringComparison.Ordinal));

    private void Start(Call call, int place)
    {
        call.Started = true;
        ready.Add(new ChatDelta.ToolCall(place, call.Id ?? $"{IdPrefix}_{place}", call.Name, call.Take()));
    }

    private void Send(Call call, int place)
    {
        if (call.Held.Length > 0)
        {
            ready.Add(new ChatDelta.ToolCall(place, null, null, call.Take()));
        }
    }

    private int Place(int? index, string? id, string? name, string? arguments, bool whole)
    {
        var at = string.IsNullOrEmpty(id) ? -1 : _calls.FindLastIndex(call => call.Id == id);
        if (at < 0 && whole)
        {
            at = _calls.FindLastIndex(call => call.Index == index && Fits(call, name));
            at = at < 0 && index < _calls.Count && _calls[index.Value].Index is null && Fits(_calls[index.Value], name) ? index.Value : at;
        }
        else if (at < 0)
        {
            at = index is null ? _calls.Count - 1 : _calls.FindLastIndex(call => call.Index == index);
            at = at < 0 && GoesOn(name) ? _calls.Count - 1 : at;
            at = at >= 0 && (Begins(_calls[at], index, id, name) || BeginsBetween(_calls[at], index, id, name, arguments)) ? -1 : at;
        }

        if (at >= 0)
        {
            return at;
        }

        _calls.Add(new Call { Index = index });
        return _calls.Count - 1;
    }

    /// <summary>Whether a piece with a number of its own belongs to the last call: some servers count the pieces, not the calls.</summary>
    private bool GoesOn(string? name) =>
        string.IsNullOrEmpty(name) && _calls is [.., { Name.Length: > 0, Json.Complete: false }];

    private static bool Fits(Call call, string? name) => string.IsNullOrEmpty(name) || call.Name.Length == 0 || call.Name == name;

    /// <summary>Whether a piece begins another call than the one that its index, or its place, points to.</summary>
    private static bool Begins(Call call, int? index, string? id, string? name)
    {
        // Some servers make up another id for every piece, but only the first piece of a call has the name and nothing before it.
        if (string.IsNullOrEmpty(name) || (call.Json is { Begun: true, Complete: false }))
        {
            return false;
        }

        var other = call.Name.Length > 0 && !name.StartsWith(call.Name, StringComparison.Ordinal);
        return (!string.IsNullOrEmpty(id) && call.Id is not null) || (call.Json.Complete && (index is null || other));
    }

    /// <summary>Whether a piece without an index begins a call while another one goes on, whose pieces follow by its id.</summary>
    private static bool BeginsBetween(Call call, int? index, string? id, string? name, string? arguments) =>
        index is null && call.Id is not null && !string.IsNullOrEmpty(id) && id != call.Id && !string.IsNullOrEmpty(name)
        && (string.IsNullOrEmpty(arguments) || arguments.AsSpan().TrimStart() is ['{', ..]);

    private sealed class Call
    {
        public char Half;

        /// <summary>The last sign of the arguments so far.</summary>
        public char Last;
        public JsonProgress Json;
        public SaidText Said;

        public int? Index { get; init; }

        public string? Id { get; set; }

        public string Name { get; set; } = "";

        public string Held { get; set; } = "";

        public bool Started { get; set; }

        /// <summary>Whether an object that begins now could not belong to the arguments, so that it says them again.</summary>
        public bool MayBeSaidAgain => Last is not (':' or '[');

        /// <summary>What a piece adds that may begin with all that was received.</summary>
        public string Rest(string piece) => !piece.StartsWith('{') ? piece
            : Started ? (Held.Length == 0 ? Said.Rest(default, piece) : null) ?? piece
            : piece.StartsWith(Held, StringComparison.Ordinal) ? piece[Held.Length..] : piece;

        public void Reset() => (Held, Json) = ("", default);

        public string Take()
        {
            var held = Held;
            Said.Add(held);
            Held = "";
            return held;
        }
    }
}
