using System.Collections.Frozen;
using System.Text.Json;

namespace AiChat.Endpoints.Compat;

/// <summary>
/// What a request asks for that only its own protocol has, collected while it is read for a provider of another one. Nothing of it is
/// dropped in silence: the request is refused with all the names.
/// </summary>
internal sealed class ForeignMembers
{
    private readonly List<string> _names = [];

    public IReadOnlyList<string> Names => _names;

    public void Add(string name)
    {
        if (!_names.Contains(name))
        {
            _names.Add(name);
        }
    }

    public void AddIf(bool isAskedFor, string name)
    {
        if (isAskedFor)
        {
            Add(name);
        }
    }

    /// <summary>Adds the members that are neither translated nor a hint that may end here.</summary>
    /// <param name="holder">The object.</param>
    /// <param name="known">The members that its reader takes care of.</param>
    /// <param name="prefix">Stands before the names.</param>
    public void AddUnknown(JsonElement holder, IReadOnlySet<string> known, string prefix = "")
    {
        if (holder.ValueKind != JsonValueKind.Object)
        {
            return;
        }

        foreach (var member in holder.EnumerateObject())
        {
            AddIf(member.Value.ValueKind != JsonValueKind.Null && !known.Contains(member.Name), prefix + member.Name);
        }
    }

    /// <summary>
    /// Adds the members of a piece of the conversation that its type does not have. An unknown type is its reader's to name.
    /// </summary>
    /// <param name="piece">A part, a block or an item.</param>
    /// <param name="type">Its type.</param>
    /// <param name="table">What each type has, from <see cref="PartMembers"/>.</param>
    public void AddUnknownOf(JsonElement piece, string type, IReadOnlyDictionary<string, FrozenSet<string>> table)
    {
        if (table.TryGetValue(type, out var known))
        {
            AddUnknown(piece, known, $"{type}.");
        }
    }
}
