namespace AiChat.Tests.Architecture;

/// <summary>The target that all types below refer to, each by another construct.</summary>
internal class Referred
{
    public static readonly long Field = 1;

    public static string Name() => "";
}

internal static class Maker
{
    public static Referred Make() => new();
}

internal sealed class AboutException<T> : Exception;

[AttributeUsage(AttributeTargets.All)]
internal sealed class NamingAttribute(Type type) : Attribute
{
    public Type Type => type;
}

internal sealed class ByBase : Referred;

internal interface IByInterface : IEnumerable<Referred>;

internal sealed class ByConstraint<T> where T : Referred;

[Naming(typeof(Referred))]
internal sealed class ByAttribute;

internal sealed class ByField
{
    public readonly Dictionary<int, Referred[]> Held = [];
}

internal abstract class ByParameter
{
    public abstract void Take(ref Referred? one);
}

internal sealed class ByParameterAttribute
{
    public static void Take([Naming(typeof(Referred))] int one) => ArgumentOutOfRangeException.ThrowIfZero(one);
}

internal abstract class ByReturn
{
    public abstract IReadOnlyList<Referred> Give();
}

internal sealed class ByCall
{
    public static string Call() => Referred.Name();
}

internal sealed class ByLocal
{
    public static bool Keep()
    {
        var made = Maker.Make();
        return made.Equals(made.GetHashCode());
    }
}

internal sealed class ByCatch
{
    public static int Parse(string text)
    {
        try
        {
            return text.Length;
        }
        catch (AboutException<Referred>)
        {
            return 0;
        }
    }
}

internal sealed class ByConstructor
{
    public static object Make() => new Referred();
}

internal sealed class ByStaticField
{
    public static long Read() => Referred.Field;
}

internal sealed class ByCast
{
    public static object? Cast(object thing) => thing as Referred is null ? null : "";
}

internal sealed class ByTypeOf
{
    public static Type Token() => typeof(Referred);
}

internal sealed class ByTypeArgument
{
    public static object Empty() => Array.Empty<Referred>();
}

internal sealed class ByLambda
{
    public static Func<string> Later(int times) => () => string.Concat(Enumerable.Repeat(Referred.Name(), times));
}

internal sealed class ByLocalFunction
{
    public static string Call()
    {
        return Inner();

        static string Inner() => Referred.Name();
    }
}

internal sealed class ByIterator
{
    public static IEnumerable<string> Walk()
    {
        yield return "";
        yield return Referred.Name();
    }
}

internal sealed class ByAwait
{
    public static async Task<string> Wait()
    {
        await Task.Yield();
        return Referred.Name();
    }
}

internal sealed class ByNestedType
{
    internal sealed class Inner
    {
        public static string Call() => Referred.Name();
    }
}

file sealed class ByOneFile
{
    public static string Call() => Referred.Name();
}
